"""The three ways to show a digest: `open_digest_view` chooses one."""

from gistwire.v1 import summary_pb2
from rich.console import Group, RenderableType
from rich.spinner import Spinner
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gistwire_client.terminal import wording
from gistwire_client.terminal.digest_state import DigestState, ShownDisagreement, ShownSentence
from gistwire_client.terminal.search_state import ShownHit
from gistwire_client.terminal.state_views import EventView, open_state_view

_DIM = Style(dim=True)
_NUMBER = Style(color="cyan")
_DISAGREEMENT = Style(color="yellow")


DigestView = EventView[summary_pb2.StreamDigestResponse]


def open_digest_view(*, as_json: bool) -> DigestView:
    """JSON lines if they are asked for, else a live view in a terminal, else plain lines."""
    return open_state_view(DigestState(), digest_lines, render_digest, as_json=as_json)


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
