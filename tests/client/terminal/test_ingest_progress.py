"""Tests of gistwire_client.terminal.ingest_progress."""

import io

import pytest
from gistwire_client.terminal.ingest_progress import BarProgress, LineProgress, open_progress
from rich.console import Console


@pytest.mark.parametrize(("in_terminal", "kind"), [(True, BarProgress), (False, LineProgress)])
def test_a_bar_is_for_terminals(monkeypatch: pytest.MonkeyPatch, *, in_terminal: bool, kind: type) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: in_terminal)
    assert type(open_progress(10)) is kind


def test_a_line_comes_every_five_thousand_articles(capsys: pytest.CaptureFixture[str]) -> None:
    with LineProgress() as progress:
        for _ in range(12_000):
            progress.advance()
    output, errors = capsys.readouterr()
    assert output == ""
    assert [line.split(" articles, ")[0] for line in errors.splitlines()] == ["5,000", "10,000"]
    assert errors.count("/s") == 2


@pytest.mark.parametrize(("total", "count"), [(7, "3/7"), (None, "3/?")])
def test_the_bar_counts_articles(total: int | None, count: str) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    with BarProgress(console, total) as progress:
        for _ in range(3):
            progress.advance()
    assert isinstance(console.file, io.StringIO)
    assert count in console.file.getvalue()
