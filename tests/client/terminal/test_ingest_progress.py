"""Tests of gistwire_client.terminal.ingest_progress."""

import io

import pytest
from gistwire_client.terminal.ingest_progress import BarProgress, LineProgress, open_progress
from rich.console import Console


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(("in_terminal", "kind"), [(True, BarProgress), (False, LineProgress)])
def test_a_bar_is_for_terminals(monkeypatch: pytest.MonkeyPatch, *, in_terminal: bool, kind: type) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: in_terminal)
    assert type(open_progress(10)) is kind


def test_a_line_comes_every_five_thousand_articles(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with LineProgress(clock=clock) as progress:
        for done in range(1, 12_001):
            clock.now_s += 0.01 if done <= 5_000 else 0.02
            progress.update(done=done, rejected=0)
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.splitlines() == ["5,000 articles, 100/s", "10,000 articles, 50/s"]


def test_a_line_says_what_is_left_and_what_was_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with LineProgress(16_000, clock=clock) as progress:
        clock.now_s += 50
        progress.update(done=5_000, rejected=1_234)
        clock.now_s += 10
        progress.update(done=16_000, rejected=1_234)
    assert capsys.readouterr().err.splitlines() == [
        "5,000 of 16,000 articles, 100/s, 0:01:50 left, 1,234 rejected",
        "16,000 of 16,000 articles, 1,100/s, 1,234 rejected",
    ]


@pytest.mark.parametrize(("total", "count"), [(7, "3/7"), (None, "3/?")])
def test_the_bar_counts_articles(total: int | None, count: str) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    with BarProgress(console, total) as progress:
        for done in range(4):
            progress.update(done=done, rejected=done // 3)
    assert isinstance(console.file, io.StringIO)
    assert count in console.file.getvalue()
    assert "1 rejected" in console.file.getvalue()
