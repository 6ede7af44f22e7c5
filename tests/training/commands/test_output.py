"""Tests of what commands print."""

import json

import msgspec
import pytest
from gistwire_training.commands.output import print_result, print_rows
from gistwire_training.evaluation import Estimate


class Row(msgspec.Struct):
    version: int
    served: bool
    size: float | None = None


class Nested(msgspec.Struct):
    rouge: Estimate
    rows: list[Row]
    reasons: tuple[str, ...]
    limits: dict[str, float]
    nothing: str = ""


RESULT = Nested(
    Estimate(0.41234567, 0.4, 0.42), [Row(1, True, 31_000_000.4), Row(2, False)], ("too slow",), {"size": 1.2}
)


def test_people_read_nested_results_indented(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(RESULT, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "rouge    0.4123 (0.4 to 0.42)",
        "rows",
        "  - version  1",
        "    served   yes",
        "    size     31,000,000",
        "  - version  2",
        "    served   no",
        "    size     –",
        "reasons",
        "  - too slow",
        "limits",
        "  size  1.2",
        "nothing  –",
    ]


def test_programs_read_one_line_without_rounding(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(RESULT, as_json=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert msgspec.convert(json.loads(line), Nested) == RESULT


def test_rows_are_a_table_or_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row(1, True, 0.5), Row(12, False)]
    print_rows(rows, empty="none", as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "version  served  size",
        "1        yes     0.5",
        "12       no      –",
    ]
    print_rows(rows, empty="none", as_json=True)
    assert [json.loads(line)["version"] for line in capsys.readouterr().out.splitlines()] == [1, 12]


def test_no_rows_are_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], empty="no version", as_json=False)
    assert capsys.readouterr().out == "no version\n"
    print_rows([], empty="no version", as_json=True)
    assert capsys.readouterr().out == ""


def test_names_of_others_models_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"model": "news\x1b[2J\x07"}], empty="none", as_json=False)
    assert "\x1b" not in capsys.readouterr().out
