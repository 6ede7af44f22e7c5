"""Whether a summary says only what its source says. Called by scoring.py for every candidate.

Pure functions over texts. What is checked is what can be checked without a model: numbers, names, quotations
and negations must stand in the source, one by one; of the other words a share is enough.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cached_property

from gistwire_server.joins import JoinIndex
from gistwire_server.negation import NegationIndex
from gistwire_server.numerals import find_numbers
from gistwire_server.proper_names import NameIndex, find_names
from gistwire_server.text_overlap import TermOverlap, TokenRun, normalize, split_segments


class Kind(Enum):
    """What of a summary its source does not support."""

    NUMBER = "number"
    NAME = "name"
    QUOTATION = "quotation"
    NEGATION = "negation"
    """Two words with a negation between them where the source has none, or without where it has one."""
    WORDS = "words"
    """A sentence most of whose words the source does not have. By itself no proof of a false statement."""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A part of a summary that its source does not support.

    Attributes:
        kind: what it is.
        text: the part, normalised.
    """

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How far a summary says only what its source says.

    Attributes:
        score: in [0, 1]; 1 for sentences of the source, word for word.
        unsupported: what the source does not support, kind by kind in the order of `Kind`.
    """

    score: float
    unsupported: tuple[Unsupported, ...]

    @property
    def has_false_item(self) -> bool:
        """Whether a number, name, quotation or negation is not the source's."""
        return any(each.kind is not Kind.WORDS for each in self.unsupported)


class Source:
    """An article prepared for checking several summaries of it.

    Each kind of item is prepared when it is first needed: sentences of the article need none of them.
    """

    def __init__(self, text: str, language: str, *, headline: str = "") -> None:
        """Keeps the texts.

        Args:
            text: all that a summary may draw on: headline and body.
            language: ISO 639 code, or ``"und"``.
            headline: what the reader sees anyway beside the summary; empty if there is none.
        """
        self.text = text
        self.language = language
        self.headline = headline

    @cached_property
    def run(self) -> TokenRun:
        """All words in order."""
        return TokenRun(self.text)

    @cached_property
    def numbers(self) -> frozenset[Decimal]:
        """What all the numbers may amount to."""
        return frozenset(
            value for number in find_numbers(self.text, self.language) for value in number.values
        )

    @cached_property
    def names(self) -> NameIndex:
        """Support for names."""
        return NameIndex(self.text)

    @cached_property
    def terms(self) -> TermOverlap:
        """Support for content words."""
        return TermOverlap(self.text, self.language)

    @cached_property
    def joins(self) -> JoinIndex:
        """Where words of its sentences may be left out."""
        return JoinIndex(self.headline, self.text.removeprefix(self.headline))

    @cached_property
    def negations(self) -> NegationIndex:
        """Where there are negations."""
        return NegationIndex(self.text, self.language)


def check_faithfulness(summary: str, source: str, language: str) -> Faithfulness:
    """Checks one summary; `check_against` is the efficient form for several.

    Args:
        summary: the summary.
        source: all that it may draw on.
        language: ISO 639 code of both, or ``"und"``.
    """
    return check_against(Source(source, language), summary)


def check_against(source: Source, summary: str) -> Faithfulness:
    """Checks a summary against a source. Takes linear time.

    Sentences that stand in the source word for word are faithful and not looked at further. Of the rest,
    ``score = word support / (1 + number of false items)``: a single wrong number makes a summary false
    however much else is right, so items divide by their count, not by their share. Word support is that of
    `TermOverlap`, averaged with the verbatim sentences by length.

    Args:
        source: the prepared source.
        summary: any text; an empty one says nothing false.
    """
    segments = split_segments(summary)
    rewritten = [segment for segment in segments if TokenRun(segment) not in source.run]
    if not rewritten:
        return Faithfulness(1.0, ())
    text = "\n".join(rewritten)
    false_items = [
        *_unsupported_numbers(source, text),
        # Only the whole summary shows whether it is in title case.
        *_unsupported_names(source, summary),
        *_unsupported_quotations(source, summary),
        *(Unsupported(Kind.NEGATION, flip) for flip in source.negations.find_flips(text)),
    ]
    support = _word_support(source, segments, rewritten)
    return Faithfulness(
        support / (1 + len(false_items)), (*false_items, *_unsupported_sentences(source, rewritten))
    )


def _unsupported_numbers(source: Source, text: str) -> list[Unsupported]:
    return [
        Unsupported(Kind.NUMBER, number.text)
        for number in find_numbers(text, source.language)
        if number.claimed and number.values.isdisjoint(source.numbers)
    ]


def _unsupported_names(source: Source, text: str) -> list[Unsupported]:
    missing = (source.names.unsupported(name) for name in find_names(text, source.language))
    return [Unsupported(Kind.NAME, words) for words in missing if words]


# Each stops at the next mark of its own style, so that a mark without its partner costs one look ahead. A
# single quote opens after a space and closes before something that is no letter: all others are apostrophes.
_QUOTATION = re.compile(
    r'"([^"\n]+)"|“([^“”\n]+)[”“]|„([^„“”"\n]+)[“”"]|«([^«»\n]+)»|»([^«»\n]+)«|「([^「」\n]+)」|『([^『』\n]+)』'
    r"|‹([^‹›\n]+)›|‘([^‘\n]{1,300}?)’(?!\w)|(?<![\w'])'(?=\w)([^\"\n]{1,300}?)(?<=[\w,.!?])'(?!\w)"
)
_MOST_WORDS = 0.5
_OMISSION = re.compile(r"\[[^\[\]]{0,40}\]|…|\.{3}")


def _unsupported_quotations(source: Source, text: str) -> list[Unsupported]:
    quotations = (next(group for group in match.groups() if group) for match in _QUOTATION.finditer(text))
    return [
        Unsupported(Kind.QUOTATION, normalize(quotation))
        for quotation in quotations
        if not _is_quoted_faithfully(source, quotation)
    ]


def _is_quoted_faithfully(source: Source, quotation: str) -> bool:
    """Whether every sentence of the quotation, between marks of omission, stands in the source."""
    parts = (part for whole in _OMISSION.split(quotation) for part in split_segments(whole))
    return all(TokenRun(part) in source.run for part in parts)


def _word_support(source: Source, segments: list[str], rewritten: list[str]) -> float:
    rewritten_characters = sum(map(len, rewritten))
    share = rewritten_characters / sum(map(len, segments))
    return 1 - share * (1 - source.terms.support("\n".join(rewritten)))


def _unsupported_sentences(source: Source, rewritten: list[str]) -> list[Unsupported]:
    return [
        Unsupported(Kind.WORDS, normalize(segment.strip()))
        for segment in rewritten
        if source.terms.share_of_terms(segment) < _MOST_WORDS
    ]
