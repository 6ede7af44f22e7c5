"""The two ways to show a watch, as JSON lines and as lines to read: `open_watch_view` chooses one."""

import sys
from typing import Protocol

import click
from gistwire.v1 import search_pb2
from rich.console import Console
from rich.style import Style
from rich.text import Text

from gistwire_client.terminal import wording
from gistwire_client.terminal.highlighting import HighlightedText
from gistwire_client.terminal.safe_text import folded
from gistwire_client.terminal.search_state import ShownHit, shown_hit
from gistwire_client.terminal.views import write_json_line

_LABEL = Style(color="cyan", bold=True)
_DIM = Style(dim=True)
_HIGHLIGHT = Style(bold=True, dim=False)
_FAILURE = Style(color="yellow")
_INDENT = "    "


class WatchView(Protocol):
    """Shows the events of one watch."""

    def show(self, event: search_pb2.WatchResponse) -> None:
        """Takes the next event."""
        ...


def open_watch_view(*, as_json: bool) -> WatchView:
    """JSON lines if they are asked for, else lines to read, with styles in a terminal."""
    if as_json:
        return JsonWatchView()
    if sys.stdout.isatty():
        return LineWatchView(Console(highlight=False, markup=False, emoji=False))
    return LineWatchView()


class JsonWatchView:
    """Writes each event as a line of proto3 JSON."""

    def show(self, event: search_pb2.WatchResponse) -> None:
        """Writes the event."""
        write_json_line(event)


class LineWatchView:
    """Writes each hit as it comes, and its summary under the same label as soon as it is chosen.

    Args:
        console: the terminal; None for plain lines.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._open: dict[str, ShownHit] = {}

    def show(self, event: search_pb2.WatchResponse) -> None:
        """Writes what the event adds, if anything."""
        match event.WhichOneof("event"):
            case "hits":
                for found_rank, each in enumerate(event.hits.hits, start=1):
                    self._show_hit(each.hit_id, shown_hit(each, found_rank))
            case "summary":
                hit = self._open.pop(event.summary.hit_id, None)
                summary = folded(event.summary.text)
                if hit is not None and summary == hit.headline:
                    self._show_text(event.summary.hit_id, hit.highlighted_extract)
                else:
                    self._show_text(event.summary.hit_id, HighlightedText(summary, ()))
            case "hit_failed":
                self._show_failure(event.hit_failed.hit_id, folded(event.hit_failed.status.message))
            case "caught_up":
                self._write(Text(wording.caught_up(event.caught_up), style=_DIM))

    def _show_hit(self, hit_id: str, hit: ShownHit) -> None:
        self._open[hit_id] = hit
        origin = ", ".join(filter(None, [hit.source, wording.date(hit.published) if hit.published else ""]))
        line = _label(hit_id).append_text(_styled(hit.highlighted_headline))
        self._write(line.append(f" — {origin}" if origin else "", _DIM))
        if hit.url:
            self._write(Text(f"{_INDENT}{hit.url}", style=_DIM))

    def _show_text(self, hit_id: str, text: HighlightedText) -> None:
        if text.text:
            self._write(_label(hit_id, continued=True).append_text(_styled(text)))

    def _show_failure(self, hit_id: str, reason: str) -> None:
        hit = self._open.pop(hit_id, None)
        self._write(_label(hit_id, continued=True).append(f"no summary: {reason or 'failed'}", _FAILURE))
        if hit is not None:
            self._show_text(hit_id, hit.highlighted_extract)

    def _write(self, line: Text) -> None:
        if self._console is None:
            # click flushes after each line.
            click.echo(line.plain)
        else:
            self._console.print(line)


def _label(hit_id: str, *, continued: bool = False) -> Text:
    label = folded(hit_id)
    return Text.assemble((label, _LABEL), " › " if continued else "  ")


def _styled(highlighted: HighlightedText) -> Text:
    text = Text(highlighted.text)
    for span in highlighted.spans:
        text.stylize(_HIGHLIGHT, span.start, span.end)
    return text
