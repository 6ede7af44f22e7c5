"""How far an ingestion has come, on standard error: a bar in a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable
from datetime import timedelta
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

# The rate of the bar is that of the last seconds.
_RATE_PERIOD_S = 10.0


class IngestProgress(Protocol):
    """Shows progress between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def update(self, *, done: int, rejected: int) -> None:
        """Shows how many articles are done, those included that were rejected."""
        ...


def open_progress(total: int | None) -> IngestProgress:
    """A bar in a terminal, else lines.

    Args:
        total: number of articles; None if unknown.
    """
    if sys.stderr.isatty():
        return BarProgress(Console(stderr=True, highlight=False), total)
    return LineProgress(total)


class BarProgress:
    """A bar with count, rate and number of rejected articles, and the time left where the total is known."""

    def __init__(self, console: Console, total: int | None) -> None:
        columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("indexing")]
        columns += [BarColumn(), MofNCompleteColumn(), _RateColumn(), _RejectedColumn()]
        if total is not None:
            columns.append(TimeRemainingColumn())
        self._progress = Progress(
            *columns, console=console, transient=True, speed_estimate_period=_RATE_PERIOD_S
        )
        self._task = self._progress.add_task("indexing", total=total, rejected=0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, *, done: int, rejected: int) -> None:
        """As `IngestProgress.update`."""
        self._progress.update(self._task, completed=done, rejected=rejected)


class LineProgress:
    """A line every 5,000 articles: count, rate since the last line, time left, number of rejected articles.

    Args:
        total: number of articles; None if unknown.
        clock: monotonic time, in seconds.
    """

    def __init__(self, total: int | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._shown = 0
        self._shown_at_s = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def update(self, *, done: int, rejected: int) -> None:
        """As `IngestProgress.update`."""
        if done - self._shown < _ARTICLES_PER_LINE:
            return
        now_s = self._clock()
        rate = (done - self._shown) / max(now_s - self._shown_at_s, 1e-3)
        self._shown, self._shown_at_s = done, now_s
        parts = [f"{done:,} articles" if self._total is None else f"{done:,} of {self._total:,} articles"]
        parts.append(f"{rate:,.0f}/s")
        if self._total is not None and self._total > done:
            parts.append(f"{timedelta(seconds=round((self._total - done) / rate))} left")
        if rejected:
            parts.append(f"{rejected:,} rejected")
        click.echo(", ".join(parts), err=True)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


class _RejectedColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        rejected: int = task.fields["rejected"]
        return Text(f"{rejected:,} rejected" if rejected else "", style="yellow")
