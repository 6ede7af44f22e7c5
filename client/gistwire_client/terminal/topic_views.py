"""The three ways to show topics: `open_topic_view` chooses one."""

from collections.abc import Iterator

from gistwire.v1 import topic_pb2
from rich.console import Group, RenderableType
from rich.spinner import Spinner
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gistwire_client.terminal import wording
from gistwire_client.terminal.state_views import EventView, open_state_view
from gistwire_client.terminal.topic_state import ShownTopic, TopicState

_DIM = Style(dim=True)
_NUMBER = Style(color="cyan", bold=True)
_BAR = Style(color="cyan")
_KEYWORDS = Style(color="green")
_DISAGREEMENT = Style(color="yellow")
_SHOWN_SOURCES = 3


TopicView = EventView[topic_pb2.StreamTopicsResponse]


def open_topic_view(*, as_json: bool) -> TopicView:
    """JSON lines if they are asked for, else a live view in a terminal, else plain lines."""
    return open_state_view(TopicState(), topic_lines, render_topics, as_json=as_json)


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
