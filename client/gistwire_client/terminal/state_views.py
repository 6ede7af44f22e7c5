"""The three ways to show a stream whose events add up to one state: as JSON lines, live, and as plain lines.

`digest_views.py` and `topic_views.py` say what is drawn of theirs.
"""

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import click
from google.protobuf.message import Message
from rich.console import Console, RenderableType
from rich.live import Live

from gistwire_client.terminal.views import write_json_line

_REFRESHES_PER_SECOND = 12

Event_contra = TypeVar("Event_contra", bound=Message, contravariant=True)


class EventView(Protocol[Event_contra]):
    """Shows the events of one stream, between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, event: Event_contra) -> None:
        """Takes the next event."""
        ...


class StreamState(Protocol[Event_contra]):
    """What a stream has shown so far; every text in it is safe to show."""

    def apply(self, event: Event_contra) -> None:
        """Takes the next event."""
        ...

    @property
    def has_ended(self) -> bool:
        """Whether the last event came."""
        ...

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show yet."""
        ...


State = TypeVar("State", bound=StreamState[Any])


class _LineView:
    """A view that writes lines and has nothing to tidy up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class JsonEventView(_LineView):
    """Writes each event as a line of proto3 JSON."""

    def show(self, event: Message) -> None:
        """Writes the event."""
        write_json_line(event)


class PlainStateView(_LineView, Generic[State]):
    """Writes the whole at the end.

    Args:
        state: takes the events.
        lines: gives the lines of a state.
    """

    def __init__(self, state: State, lines: Callable[[State], list[str]]) -> None:
        self._state = state
        self._lines = lines

    def show(self, event: Message) -> None:
        """Takes the next event; the last one writes."""
        self._state.apply(event)
        if self._state.has_ended:
            for line in self._lines(self._state):
                click.echo(line)


class LiveStateView(Generic[State]):
    """Draws the state as it grows, and at the end once as a whole.

    Args:
        console: the terminal.
        state: takes the events.
        render: draws a state.
    """

    def __init__(self, console: Console, state: State, render: Callable[[State], RenderableType]) -> None:
        self._console = console
        self._state = state
        self._render = render
        # Rich draws in a thread of its own.
        self._lock = threading.Lock()
        self._live = Live(
            get_renderable=self._draw,
            console=console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()
        if not self._state.is_empty:
            self._console.print(self._render(self._state))

    def show(self, event: Message) -> None:
        """Takes the next event; it is drawn with the next refresh."""
        with self._lock:
            self._state.apply(event)

    def _draw(self) -> RenderableType:
        with self._lock:
            return self._render(self._state)


def open_state_view(
    state: State,
    lines: Callable[[State], list[str]],
    render: Callable[[State], RenderableType],
    *,
    as_json: bool,
) -> EventView[Any]:
    """JSON lines if they are asked for, else a live view in a terminal, else plain lines."""
    if as_json:
        return JsonEventView()
    if sys.stdout.isatty():
        return LiveStateView(Console(highlight=False, markup=False, emoji=False), state, render)
    return PlainStateView(state, lines)
