"""The three ways to show topics: `open_topic_view` chooses one."""

import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

import click
from gistwire.v1 import topic_pb2
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gistwire_client.terminal import wording
from gistwire_client.terminal.topic_state import ShownTopic, TopicState
from gistwire_client.terminal.views import write_json_line

_DIM = Style(dim=True)
_NUMBER = Style(color="cyan", bold=True)
_BAR = Style(color="cyan")
_KEYWORDS = Style(color="green")
_DISAGREEMENT = Style(color="yellow")
_REFRESHES_PER_SECOND = 12
_SHOWN_SOURCES = 3


class TopicView(Protocol):
    """Shows the events of one stream of topics, between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, event: topic_pb2.StreamTopicsResponse) -> None:
        """Takes the next event."""
        ...


def open_topic_view(*, as_json: bool) -> TopicView:
    """JSON lines if they are asked for, else a live view in a terminal, else plain lines."""
    if as_json:
        return JsonTopicView()
    if sys.stdout.isatty():
        return LiveTopicView(Console(highlight=False, markup=False, emoji=False))
    return PlainTopicView()


class _LineView:
    """A view that writes lines and has nothing to tidy up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class JsonTopicView(_LineView):
    """Writes each event as a line of proto3 JSON."""

    def show(self, event: topic_pb2.StreamTopicsResponse) -> None:
        """Writes the event."""
        write_json_line(event)


class PlainTopicView(_LineView):
    """Writes the whole at the end: each topic with its digest."""

    def __init__(self) -> None:
        self._state = TopicState()

    def show(self, event: topic_pb2.StreamTopicsResponse) -> None:
        """Takes the next event; the last one writes."""
        self._state.apply(event)
        if self._state.completed is not None:
            for line in topic_lines(self._state):
                click.echo(line)


class LiveTopicView:
    """Draws topics as they come, and at the end once as a whole.

    Args:
        console: the terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._state = TopicState()
        # Rich draws in a thread of its own.
        self._lock = threading.Lock()
        self._live = Live(
            get_renderable=self._render,
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
        if self._state.topics or self._state.completed:
            self._console.print(render_topics(self._state))

    def show(self, event: topic_pb2.StreamTopicsResponse) -> None:
        """Takes the next event; it is drawn with the next refresh."""
        with self._lock:
            self._state.apply(event)

    def _render(self) -> RenderableType:
        with self._lock:
            return render_topics(self._state)


def topic_lines(state: TopicState) -> list[str]:
    """Topics as plain lines, with the closing line."""
    lines = []
    for number, topic in enumerate(state.topics.values(), start=1):
        lines.append(f"{number}. {topic.headline}")
        lines += [f"   {line.plain}" for line in _about(topic)]
        lines.append("")
    return [*lines, _closing(state)]


def render_topics(state: TopicState) -> RenderableType:
    """Draws topics as they stand."""
    rows = [_row(number, topic) for number, topic in enumerate(state.topics.values(), start=1)]
    return Group(_heading(state), Text(), *rows, Text(_closing(state), style=_DIM))


def _heading(state: TopicState) -> RenderableType:
    heading = Table.grid(expand=True, padding=(0, 1))
    heading.add_column(ratio=1)
    heading.add_column(justify="right")
    doing = f"{state.digest_count} of {wording.counted(len(state.topics), 'digest')}"
    spinner = Spinner(
        "dots", text=Text(doing if state.topics else "reading the window", style=_DIM), style="cyan"
    )
    heading.add_row(Text("Topics", style="bold"), Text() if state.completed else spinner)
    return heading


def _row(number: int, topic: ShownTopic) -> RenderableType:
    row = Table.grid(expand=True, padding=(0, 1))
    row.add_column(width=3, justify="right")
    row.add_column(ratio=1)
    row.add_row(
        Text(str(number), style=_NUMBER),
        Group(Text(topic.headline, style="bold"), *_about(topic), Text()),
    )
    return row


def _about(topic: ShownTopic) -> Iterator[Text]:
    counts = f"{wording.counted(topic.article_count, 'article')}, {wording.momentum(topic.momentum)}"
    parts = " · ".join(filter(None, [counts, topic.category, _sources(topic.sources)]))
    yield Text.assemble((f"▕{topic.timeline}▏", _BAR), " ", (parts, _DIM))
    if topic.keywords:
        yield Text(", ".join(topic.keywords), style=_KEYWORDS)
    if topic.digest:
        yield Text(" ".join(topic.digest))
    if topic.disagreements:
        yield Text(f"Sources disagree: {', '.join(topic.disagreements)}", style=_DISAGREEMENT)
    yield Text(topic.topic_id, style=_DIM)


def _sources(sources: tuple[str, ...]) -> str:
    more = len(sources) - _SHOWN_SOURCES
    return ", ".join(sources[:_SHOWN_SOURCES]) + (f" and {more} more" if more > 0 else "")


def _closing(state: TopicState) -> str:
    return wording.topics_completed(state.completed) if state.completed else ""
