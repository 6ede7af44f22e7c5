"""`LiveView`: a search, or a recommendation, as it happens in a terminal. `views.open_view` chooses it."""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.spinner import Spinner
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gistwire_client.terminal import wording
from gistwire_client.terminal.highlighting import HighlightedText
from gistwire_client.terminal.search_state import SearchState, ShownEvent, ShownHit

_REFRESHES_PER_SECOND = 12

_EXTRACT_LINES = 2

_MOVED_UP = Style(color="green")
_MOVED_DOWN = Style(color="yellow", dim=True)
_NUMBER = Style(color="cyan", bold=True)
_DIM = Style(dim=True)
_DRAFT = Style(italic=True, color="bright_white")
_FAILURE = Style(color="yellow")
_HEADLINE_HIGHLIGHT = Style(bold=True, underline=True)
_EXTRACT_HIGHLIGHT = Style(bold=True, dim=False)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LiveView:
    """Draws a search in place while it runs, as far as the screen goes, and at the end once as a whole.

    Args:
        console: the terminal.
        title: stands above the hits where there is no query; safe to show.
        now: gives the present, for the age of articles.
    """

    def __init__(self, console: Console, *, title: str = "", now: Callable[[], datetime] = _utc_now) -> None:
        self._console = console
        self._now = now
        self._state = SearchState(query=title)
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
        if self._state.hits or self._state.completed:
            self._console.print(render_search(self._state, now=self._now()))

    def show(self, event: ShownEvent) -> None:
        """Takes the next event; it is drawn with the next refresh."""
        with self._lock:
            self._state.apply(event)

    def _render(self) -> RenderableType:
        with self._lock:
            return render_search(self._state, now=self._now(), fit_screen=True)


def render_search(state: SearchState, *, now: datetime, fit_screen: bool = False) -> RenderableType:
    """Draws a search as it stands.

    Args:
        state: the search.
        now: the present, for the age of articles.
        fit_screen: whether to leave out hits for which the screen has no room.
    """
    hits = [_hit(state, number, hit_id, now) for number, hit_id in enumerate(state.order, start=1)]
    body = _Fitted(hits) if fit_screen else Group(*hits)
    return Group(_heading(state), Text(), body, _closing_line(state))


def _heading(state: SearchState) -> RenderableType:
    query = Text(state.query, style="bold", no_wrap=True, overflow="ellipsis")
    heading = Table.grid(expand=True, padding=(0, 1))
    heading.add_column(ratio=1)
    heading.add_column(justify="right")
    heading.add_row(
        query, Text() if state.completed else Spinner("dots", text=_progress(state), style="cyan")
    )
    return heading


def _progress(state: SearchState) -> Text:
    if not state.hits:
        return Text("searching", style=_DIM)
    if state.settled_count < len(state.hits):
        return Text(f"{state.settled_count} of {len(state.hits)} summaries", style=_DIM)
    return Text("settling the order", style=_DIM)


def _hit(state: SearchState, number: int, hit_id: str, now: datetime) -> RenderableType:
    hit = state.hits[hit_id]
    row = Table.grid(expand=True, padding=(0, 1))
    row.add_column(width=3, justify="right")
    row.add_column(width=3)
    row.add_column(ratio=1)
    headline = _highlighted(
        hit.highlighted_headline, Style(bold=True, link=hit.url or None), _HEADLINE_HIGHLIGHT
    )
    lines = [headline, _about(hit, now), *_text(hit), *_explained(hit), Text()]
    row.add_row(Text(str(number), style=_NUMBER), _move(state.moved(hit_id)), Group(*lines))
    return row


def _move(places: int) -> Text:
    if places == 0:
        return Text()
    return Text(f"▲{places}", style=_MOVED_UP) if places > 0 else Text(f"▼{-places}", style=_MOVED_DOWN)


def _about(hit: ShownHit, now: datetime) -> Text:
    parts = [hit.source, wording.age(hit.published, now) if hit.published else ""]
    if hit.similar:
        parts.append(f"{hit.similar} similar")
    if hit.summary is not None:
        parts.append(wording.summary_origin(hit.summary.origin))
        parts.append("stored" if hit.summary.stored else "")
        parts.append(hit.summary.policy)
    parts.append(hit.reason)
    return Text(" · ".join(filter(None, parts)), style=_DIM)


def _text(hit: ShownHit) -> Iterable[RenderableType]:
    if hit.failure:
        yield Text(f"no summary: {hit.failure}", style=_FAILURE)
    elif hit.summary is not None and hit.summary.text != hit.headline:
        yield Text(hit.summary.text)
        return
    elif hit.draft.strip() and hit.summary is None:
        yield Text.assemble((" ".join(hit.draft.split()), _DRAFT), ("▍", "cyan"))
        return
    if hit.extract:
        extract = _highlighted(hit.highlighted_extract, _DIM, _EXTRACT_HIGHLIGHT)
        yield _Clipped(extract, _EXTRACT_LINES)


def _explained(hit: ShownHit) -> Iterable[Text]:
    supported = hit.summary.supported_by if hit.summary is not None else ()
    return (Text(line, style=_DIM) for line in (*hit.why_here, *supported))


def _highlighted(highlighted: HighlightedText, style: Style, highlight_style: Style) -> Text:
    text = Text(highlighted.text, style=style)
    for span in highlighted.spans:
        text.stylize(highlight_style, span.start, span.end)
    return text


def _closing_line(state: SearchState) -> Text:
    return Text(wording.completed(state.completed), style=_DIM) if state.completed else Text()


class _Clipped:
    """The first lines of a text."""

    def __init__(self, text: Text, lines: int) -> None:
        self._text = text
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = self._text.copy()
        text.truncate(self._lines * options.max_width - 1, overflow="ellipsis")
        yield text


class _Fitted:
    """As many hits, from the first on, as the screen has room for, and the number of those left out."""

    def __init__(self, hits: list[RenderableType]) -> None:
        self._hits = hits

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # Heading, empty line, this note and the closing line.
        room = console.height - 4
        options = options.update(height=None)
        for shown, hit in enumerate(self._hits):
            lines = console.render_lines(hit, options, pad=False)
            room -= len(lines)
            if room < 0 and shown:
                yield Text(f"  … and {wording.counted(len(self._hits) - shown, 'more hit')}", style=_DIM)
                return
            for line in lines:
                yield from line
                yield Segment.line()
