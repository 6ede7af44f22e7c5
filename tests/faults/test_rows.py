"""Tests of the table of faults: every row has a test that reports a figure, and the table says what is missing."""

from pathlib import Path

from tests.faults.rows import FAULTS, MISSING, numbers_with_figures, table


def test_every_fault_has_a_test_that_reports_a_figure() -> None:
    assert [fault.number for fault in FAULTS] == list(range(1, 21))
    assert numbers_with_figures() == {fault.number for fault in FAULTS}


def test_a_module_that_reports_nothing_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text('report_figure(f"fault 3: {x} s")')
    (tmp_path / "test_two.py").write_text("# fault 4: to be measured")
    assert numbers_with_figures(tmp_path) == {3}


def test_the_table_says_what_was_measured_what_broke_and_what_is_missing() -> None:
    lines = table(
        [("fault 1: 2 s", True), ("fault 1: 3 s | more", False), ("fault 2: 1 s", True), ("drafts: 9", True)],
        "2026-11-28, a machine",
    ).splitlines()
    rows = [line for line in lines if line.startswith("| ") and line[2].isdecimal()]
    assert len(rows) == len(FAULTS)
    assert rows[0].endswith("| 2 s<br>3 s \\| more | no |")
    assert rows[1].endswith("| 1 s | yes |")
    assert all(row.endswith(f"| {MISSING} | no |") for row in rows[2:])
    assert lines[-1] == "2026-11-28, a machine"
