"""Tests of how start-up is measured: what is waited for, and what a process has taken by then."""

import os
import sys
import time
from pathlib import Path

import click
import pytest

from benchmarks.startup import StartupTimes, cpu_seconds, print_times, until_line, with_bytecode


def test_a_process_is_ended_at_the_line_that_is_waited_for() -> None:
    program = "import time; print('hits', flush=True); time.sleep(600)"
    begin = time.perf_counter()
    times = until_line([sys.executable, "-c", program], "hits")
    assert 0 < times.wall_s <= time.perf_counter() - begin < 600


def test_what_is_done_before_the_line_counts_and_what_comes_after_does_not() -> None:
    busy = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\n"
    before = until_line([sys.executable, "-c", f"{busy}print('hits', flush=True)"], "hits")
    after = until_line(
        [sys.executable, "-c", f"print('hits', flush=True)\nimport time; time.sleep(600)\n{busy}"], "hits"
    )
    assert before.cpu_s >= 0.5 > after.cpu_s


def test_a_process_without_that_line_is_an_error_that_says_what_it_said() -> None:
    program = "import sys; print('started'); sys.exit('no index here')"
    with pytest.raises(click.ClickException, match="no index here"):
        until_line([sys.executable, "-c", program], "hits")


def test_a_process_with_bytecode_keeps_what_it_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "module.py").write_text("print('imported', flush=True)")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import module, time; time.sleep(600)"
    until_line([sys.executable, "-c", program], "imported", with_bytecode(tmp_path / "bytecode"))
    assert list((tmp_path / "bytecode").rglob("module.*.pyc"))


def test_cpu_seconds_are_those_of_the_process() -> None:
    taken_s = time.process_time()
    assert cpu_seconds(os.getpid()) == pytest.approx(taken_s, abs=0.2)


def test_median_and_worst_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_times("first hit", [StartupTimes(each, each / 2) for each in (0.5, 0.75, 3.0)])
    printed = capsys.readouterr().out
    assert printed.split() == [
        "first",
        "hit",
        "median",
        "0.75",
        "s",
        "worst",
        "3.00",
        "s",
        "CPU",
        "0.38",
        "s",
    ]
