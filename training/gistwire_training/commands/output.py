"""What commands print: figures on standard output, for people or as JSON; progress on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def print_result(result: Any, *, as_json: bool) -> None:
    """Prints a result: as one line of JSON, or a field a line.

    Args:
        result: a msgspec struct, a dataclass or a mapping.
        as_json: for a program.
    """
    if as_json:
        click.echo(msgspec.json.encode(result, enc_hook=str).decode())
        return
    fields: dict[str, Any] = msgspec.to_builtins(result, enc_hook=str)
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {value}")


class StageProgress:
    """A bar for the stage that is going on.

    Args:
        bars: where it is shown.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: Any = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Shows how far a stage is.

        Args:
            stage: its name; another name begins another bar.
            done: units done.
            total: all units.
            note: what else is worth showing.
        """
        if stage != self._stage:
            self._stage = stage
            self._task = self._bars.add_task(stage, total=total, note="")
        self._bars.update(self._task, completed=done, total=total, note=note)


@contextmanager
def progress() -> Iterator[StageProgress]:
    """Shows progress on standard error while the block runs; plain lines where that is no terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        yield StageProgress(bars)
