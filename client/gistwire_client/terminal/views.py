"""The three ways to show a search or a recommendation: `open_view` chooses one."""

import sys
from types import TracebackType
from typing import Protocol, Self

import click
from google.protobuf.json_format import MessageToJson, SerializeToJsonError
from google.protobuf.message import Message

from gistwire_client.errors import CallFailedError
from gistwire_client.terminal import wording
from gistwire_client.terminal.safe_text import escaped, folded
from gistwire_client.terminal.search_state import SearchState, ShownEvent, ShownHit


class SearchView(Protocol):
    """Shows the events of one search, between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, event: ShownEvent) -> None:
        """Takes the next event."""
        ...


def open_view(*, as_json: bool, title: str = "") -> SearchView:
    """JSON lines if they are asked for, else a live view in a terminal, else plain lines.

    Args:
        as_json: whether JSON lines are asked for.
        title: stands above a live view where there is no query.
    """
    if as_json:
        return JsonView()
    if sys.stdout.isatty():
        # Lines do without the imports.
        from rich.console import Console  # noqa: PLC0415

        from gistwire_client.terminal.live_view import LiveView  # noqa: PLC0415

        return LiveView(Console(highlight=False, markup=False, emoji=False), title=folded(title))
    return PlainView()


class _LineView:
    """A view that writes lines and has nothing to tidy up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class JsonView(_LineView):
    """Writes each event as a line of proto3 JSON."""

    def show(self, event: ShownEvent) -> None:
        """Writes the event."""
        write_json_line(event)


class PlainView(_LineView):
    """Writes the hits as they are found, and at the end once more in their final order, with summaries."""

    def __init__(self) -> None:
        self._state = SearchState()

    def show(self, event: ShownEvent) -> None:
        """Writes what the event adds, if anything."""
        self._state.apply(event)
        match event.WhichOneof("event"):
            case "hits":
                for number, hit in enumerate(self._state.hits.values(), start=1):
                    click.echo(f"{number}. {' — '.join(filter(None, [hit.headline, _origin(hit)]))}")
            case "completed":
                self._show_result(wording.completed(event.completed))

    def _show_result(self, closing_line: str) -> None:
        for number, hit_id in enumerate(self._state.order, start=1):
            hit = self._state.hits[hit_id]
            explained = [*hit.why_here, *(hit.summary.supported_by if hit.summary else ())]
            lines = [f"{number}. {hit.headline}", _describe(hit), hit.url, _text(hit), *explained]
            click.echo("\n" + "\n   ".join(filter(None, lines)))
        click.echo(f"\n{closing_line}" if self._state.order else closing_line)


def write_json_line(message: Message) -> None:
    """Writes a message to standard output as one line of proto3 JSON, at once.

    Raises:
        CallFailedError: the message holds what JSON has no form for, such as a time after the year 9999.
    """
    try:
        line = MessageToJson(message, indent=None, ensure_ascii=False)
    except SerializeToJsonError as error:
        raise CallFailedError(f"the server sent what JSON has no form for: {error}") from error
    # click flushes after each line.
    click.echo(escaped(line))


def _origin(hit: ShownHit) -> str:
    return ", ".join(filter(None, [hit.source, wording.date(hit.published) if hit.published else ""]))


def _describe(hit: ShownHit) -> str:
    """Where the article is from, where its summary, and why it is recommended."""
    summary = wording.summary_origin(hit.summary.origin) if hit.summary is not None else ""
    policy = hit.summary.policy if hit.summary is not None else ""
    return " · ".join(filter(None, [_origin(hit), summary, policy, hit.reason]))


def _text(hit: ShownHit) -> str:
    if hit.summary is not None and hit.summary.text != hit.headline:
        return hit.summary.text
    return hit.extract
