"""What commands print: figures on standard output, for people or as JSON; progress on standard error."""

from collections.abc import Iterator, Sequence
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

from gistwire_training.evaluation.bootstrap import Estimate
from gistwire_training.evaluation.display import safe_text

_WHOLE = 1000
"""From here on a figure's fraction tells nothing."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def print_result(result: Any, *, as_json: bool) -> None:
    """Prints a result: as one line of JSON, or indented for people.

    Args:
        result: a msgspec struct, a dataclass or a mapping.
        as_json: for a program.
    """
    if as_json:
        click.echo(msgspec.json.encode(result, enc_hook=str).decode())
        return
    click.echo("\n".join(_lines(msgspec.to_builtins(result, enc_hook=str))))


def print_rows(rows: Sequence[Any], *, empty: str, as_json: bool) -> None:
    """Prints results of one kind: a line of JSON each, or a table.

    Args:
        rows: msgspec structs of one type.
        empty: what people read where there are none.
        as_json: for a program.
    """
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode(row, enc_hook=str).decode())
        return
    if not rows:
        click.echo(empty)
        return
    fields = [msgspec.to_builtins(row, enc_hook=str) for row in rows]
    cells = [list(fields[0]), *([_written(value) for value in each.values()] for each in fields)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row_cells in cells:
        padded = (cell.ljust(width) for cell, width in zip(row_cells, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _lines(fields: dict[str, Any]) -> Iterator[str]:
    """Yields a line for each field; what is within a field follows it, indented."""
    width = max((len(name) for name, value in fields.items() if not _is_nested(value)), default=0)
    for name, value in fields.items():
        if not _is_nested(value):
            yield f"{name:<{width}}  {_written(value)}"
            continue
        yield name
        inner = _lines(value) if isinstance(value, dict) else _items(value)
        yield from (f"  {line}" for line in inner)


def _items(values: Sequence[Any]) -> Iterator[str]:
    """Yields the lines of each value of a list, with a dash before the first."""
    for value in values:
        lines = list(_lines(value)) if isinstance(value, dict) else [_written(value)]
        yield from (f"{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines))


def _is_nested(value: Any) -> bool:
    return bool(value) and isinstance(value, list | tuple | dict) and not _is_estimate(value)


def _is_estimate(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == set(Estimate.__struct_fields__)


def _written(value: Any) -> str:
    """Writes a figure with its interval, a fraction to four places, and nothing as a dash."""
    if _is_estimate(value):
        return f"{_written(value['value'])} ({_written(value['low'])} to {_written(value['high'])})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= _WHOLE else f"{value:.4g}"
    return safe_text(str(value)) if value or value == 0 else "–"


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
