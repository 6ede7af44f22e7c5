"""What an article without a summary teaches: its own sentences, shortened to what its headline found important."""

import re
from dataclasses import dataclass

from gistwire_indexer.analysis import analyze
from gistwire_models import split_sentences

from gistwire_training.pairs import Pair
from gistwire_training.summarizer.compression import Compression, compressions

_SENTENCES = 6
"""Sentences that are considered: news says what matters first."""

_MAX_WORDS = 36
_ENOUGH_WORDS = 20
"""A summary of so many words gets no second sentence."""

_DEPENDENT = re.compile(
    r"(?:he|she|it|they|his|her|their|this|that|these|those|but|and|also|meanwhile|however|here)\b",
    re.IGNORECASE,
)
"""A sentence that begins so leans on the one before."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A shortened sentence of the article.

    Attributes:
        position: the sentence's place in the article.
        text: the shortened sentence.
        terms: its content terms.
        words: its words.
        score: how much of what matters it says in how few words.
    """

    position: int
    text: str
    terms: frozenset[str]
    words: int
    score: float


def compressed_summary(pair: Pair) -> str:
    """Returns a summary made of the article's own words; "" if no sentence is fit.

    The sentence is chosen, and shortened by whole phrases, so that it keeps the words that the headline has and the
    ones that come up again in the article, in few words. A short one is joined by a second that says most of what is
    still missing.
    """
    sentences = [sentence.text for sentence in split_sentences(pair.body, pair.language)[:_SENTENCES]]
    wanted = frozenset(analyze(pair.headline, pair.language))
    recurring = _recurring_terms(sentences, pair.language)
    parts = [
        _part(position, compression, wanted, recurring, pair.language)
        for position, sentence in enumerate(sentences)
        if len(sentence.split()) <= 60
        for compression in compressions(sentence)
    ]
    fit = [part for part in parts if 7 <= part.words <= _MAX_WORDS]
    if not fit:
        return ""
    first = max(fit, key=lambda part: part.score)
    chosen = [first]
    if first.words < _ENOUGH_WORDS and (second := _second(fit, first, wanted | recurring)):
        chosen.append(second)
    return " ".join(part.text for part in sorted(chosen, key=lambda part: part.position))


def _recurring_terms(sentences: list[str], language: str) -> frozenset[str]:
    seen: set[str] = set()
    again: set[str] = set()
    for sentence in sentences:
        terms = set(analyze(sentence, language))
        again |= terms & seen
        seen |= terms
    return frozenset(again)


def _part(
    position: int, compression: Compression, wanted: frozenset[str], recurring: frozenset[str], language: str
) -> _Part:
    terms = frozenset(analyze(compression.text, language))
    words = len(compression.text.split())
    score = len(terms & wanted) / max(1, len(wanted)) + 0.3 * len(terms & recurring) / max(1, len(recurring))
    score -= 0.016 * max(0, words - 12) + 0.02 * compression.deletions
    score += (0.2, 0.08)[position] if position < 2 else 0.0
    if position and _leans(compression.text):
        score -= 0.35
    return _Part(position, compression.text, terms, words, score)


def _second(parts: list[_Part], first: _Part, important: frozenset[str]) -> _Part | None:
    """Returns the part that adds most to the first one, if any adds enough."""

    def gain(part: _Part) -> float:
        new = part.terms - first.terms
        figures = any(character.isdigit() for character in part.text)
        return 0.12 * len(new & important) + 0.02 * len(new) + 0.08 * figures - 0.02 * part.words

    others = [
        part
        for part in parts
        if part.position > first.position
        and first.words + part.words <= _MAX_WORDS
        and not _leans(part.text)
        and len(part.terms & first.terms) <= 0.6 * len(part.terms)
    ]
    best = max(others, key=gain, default=None)
    return best if best and gain(best) > 0.05 else None


def _leans(text: str) -> bool:
    return _DEPENDENT.match(text.lstrip("\"'“‘")) is not None
