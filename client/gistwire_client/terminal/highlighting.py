"""`folded_with_highlights`: text of a hit, safe to show, with the parts that stand out."""

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from gistwire.v1 import events_pb2

from gistwire_client.terminal.safe_text import printable


class Span(NamedTuple):
    """A part of a text that stands out, by the number of characters before it and up to its end."""

    start: int
    end: int


class HighlightedText(NamedTuple):
    """A text as `safe_text.folded` makes it, with the parts that stand out, in order and disjoint."""

    text: str
    spans: tuple[Span, ...]


def folded_with_highlights(text: str, highlights: Iterable[events_pb2.Highlight]) -> HighlightedText:
    """Folds a text, and moves its highlights with the characters that they are of.

    Args:
        text: any text.
        highlights: what a server says of it; what is not in order and within the text is passed over.
    """
    characters = _folded_characters(text, _marks(text, highlights))
    spans = []
    start = 0
    for marked, run in groupby(characters, key=lambda character: character[1]):
        end = start + len(list(run))
        if marked:
            spans.append(Span(start, end))
        start = end
    return HighlightedText("".join(character for character, _ in characters), tuple(spans))


def _marks(text: str, highlights: Iterable[events_pb2.Highlight]) -> list[bool]:
    """Tells of each character whether it stands out."""
    marks = [False] * len(text)
    begin = 0
    for each in highlights:
        # Each character is looked at once, whatever a server says.
        for place in range(max(each.start, begin), min(each.end, len(text))):
            marks[place] = True
            begin = place + 1
    return marks


def _folded_characters(text: str, marks: Iterable[bool]) -> list[tuple[str, bool]]:
    """The characters that `safe_text.folded` leaves, each with its mark."""
    folded: list[tuple[str, bool]] = []
    space: tuple[str, bool] | None = None
    for original, marked in zip(text, marks, strict=True):
        for character in printable(original):
            if character.isspace():
                space = space or (" ", marked)
                continue
            if space and folded:
                folded.append(space)
            space = None
            folded.append((character, marked))
    return folded
