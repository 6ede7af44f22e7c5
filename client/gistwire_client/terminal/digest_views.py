"""The three ways to show a digest: `open_digest_view` chooses one."""

import sys
import threading
from types import TracebackType
from typing import Protocol, Self

import click
from gistwire.v1 import summary_pb2
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gistwire_client.terminal import wording
from gistwire_client.terminal.digest_state import DigestState, ShownDisagreement, ShownSentence
from gistwire_client.terminal.search_state import ShownHit
from gistwire_client.terminal.views import write_json_line

_DIM = Style(dim=True)
_NUMBER = Style(color="cyan")
_DISAGREEMENT = Style(color="yellow")
_REFRESHES_PER_SECOND = 12


class DigestView(Protocol):
    """Shows the events of one digest, between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, event: summary_pb2.StreamDigestResponse) -> None:
        """Takes the next event."""
        ...


def open_digest_view(*, as_json: bool) -> DigestView:
    """JSON lines if they are asked for, else a live view in a terminal, else plain lines."""
    if as_json:
        return JsonDigestView()
    if sys.stdout.isatty():
        return LiveDigestView(Console(highlight=False, markup=False, emoji=False))
    return PlainDigestView()


class _LineView:
    """A view that writes lines and has nothing to tidy up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class JsonDigestView(_LineView):
    """Writes each event as a line of proto3 JSON."""

    def show(self, event: summary_pb2.StreamDigestResponse) -> None:
        """Writes the event."""
        write_json_line(event)


class PlainDigestView(_LineView):
    """Writes the whole at the end: the text, what sources disagree on, and the articles that are cited."""

    def __init__(self) -> None:
        self._state = DigestState()

    def show(self, event: summary_pb2.StreamDigestResponse) -> None:
        """Takes the next event; the last one writes."""
        self._state.apply(event)
        if self._state.completed is not None:
            for line in digest_lines(self._state):
                click.echo(line)


class LiveDigestView:
    """Draws the digest as it grows, and at the end once as a whole.

    Args:
        console: the terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._state = DigestState()
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
        if self._state.articles or self._state.completed:
            self._console.print(render_digest(self._state))

    def show(self, event: summary_pb2.StreamDigestResponse) -> None:
        """Takes the next event; it is drawn with the next refresh."""
        with self._lock:
            self._state.apply(event)

    def _render(self) -> RenderableType:
        with self._lock:
            return render_digest(self._state)


def digest_lines(state: DigestState) -> list[str]:
    """A digest as plain lines: the text, disagreements, articles, and the closing line."""
    lines = [render_sentence(sentence).plain for sentence in state.sentences]
    for disagreement in state.disagreements:
        lines += ["", *(line.plain for line in _disagreement(disagreement))]
    if state.sentences:
        lines += ["", *(_article(number, state.articles[number]).plain for number in state.cited), ""]
    return [*lines, _closing(state)]


def render_digest(state: DigestState) -> RenderableType:
    """Draws a digest as it stands."""
    parts: list[RenderableType] = [_heading(state), Text()]
    parts += [render_sentence(sentence) for sentence in state.sentences]
    for disagreement in state.disagreements:
        parts += [Text(), *_disagreement(disagreement)]
    if state.sentences:
        parts.append(Text())
        parts += [_article(number, state.articles[number]) for number in state.cited]
    if state.completed:
        parts += [Text(), Text(_closing(state), style=_DIM)]
    return Group(*parts)


def render_sentence(sentence: ShownSentence) -> Text:
    """A sentence, followed by the numbers of the articles that support it."""
    return Text.assemble(sentence.text, " ", (_references(sentence.numbers), _NUMBER))


def _heading(state: DigestState) -> RenderableType:
    heading = Table.grid(expand=True, padding=(0, 1))
    heading.add_column(ratio=1)
    heading.add_column(justify="right")
    subject = Text(state.query or "Digest", style="bold", no_wrap=True, overflow="ellipsis")
    if state.completed:
        heading.add_row(subject, Text())
    else:
        read = wording.counted(len(state.articles), "article") if state.articles else "looking for articles"
        heading.add_row(subject, Spinner("dots", text=Text(read, style=_DIM), style="cyan"))
    return heading


def _references(numbers: tuple[int, ...]) -> str:
    return "".join(f"[{number}]" for number in numbers)


def _disagreement(disagreement: ShownDisagreement) -> list[Text]:
    lines = [Text(f"Sources disagree: {disagreement.subject}", style=_DISAGREEMENT)]
    lines += [
        Text.assemble("  ", (f"[{number}]", _NUMBER), f" {claim}") for number, claim in disagreement.claims
    ]
    return lines


def _article(number: int, article: ShownHit) -> Text:
    origin = ", ".join(
        filter(None, [article.source, wording.date(article.published) if article.published else ""])
    )
    line = Text.assemble((f"[{number}]", _NUMBER), " ")
    line.append(article.headline, Style(link=article.url or None))
    return line.append(f" — {origin}" if origin else "", _DIM)


def _closing(state: DigestState) -> str:
    return wording.digest_completed(state.completed) if state.completed else ""
