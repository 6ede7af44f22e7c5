"""How far an ingestion has come, on standard error: a bar in a terminal, else a line now and then."""

import sys
import time
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_ARTICLES_PER_LINE = 5_000


class IngestProgress(Protocol):
    """Shows progress between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def advance(self) -> None:
        """Counts one more article."""
        ...


def open_progress(total: int | None) -> IngestProgress:
    """A bar in a terminal, else lines.

    Args:
        total: number of articles; None if unknown.
    """
    if sys.stderr.isatty():
        return BarProgress(Console(stderr=True, highlight=False), total)
    return LineProgress()


class BarProgress:
    """A bar with count and rate, and the time left where the total is known."""

    def __init__(self, console: Console, total: int | None) -> None:
        columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("indexing")]
        columns += [BarColumn(), MofNCompleteColumn(), _RateColumn()]
        if total is not None:
            columns.append(TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("indexing", total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def advance(self) -> None:
        """Counts one more article."""
        self._progress.advance(self._task)


class LineProgress:
    """A line with count and rate every 5,000 articles."""

    def __init__(self) -> None:
        self._count = 0
        self._started_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def advance(self) -> None:
        """Counts one more article."""
        self._count += 1
        if self._count % _ARTICLES_PER_LINE == 0:
            rate = self._count / (time.monotonic() - self._started_s)
            click.echo(f"{self._count:,} articles, {rate:,.0f}/s", err=True)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")
