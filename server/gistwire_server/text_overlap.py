"""What two texts have in common, word by word: the ground of faithfulness.py and of novelty in scoring.py."""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

from gistwire_indexer.analysis import analyze
from gistwire_models.deferred_pattern import deferred_pattern

CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Characters of Chinese, Japanese and Korean script, as the inside of a regular expression's brackets."""

# NFKC would make a full-width comma, which stands between clauses, like one within a number, and a footnote's
# mark like a digit of the number before it.
_TYPOGRAPHY = str.maketrans(
    {"，": ", ", "’": "'", "‘": "'", "ʼ": "'"}
    | dict.fromkeys("⁰¹²³⁴⁵⁶⁷⁸⁹", " ")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
# Twice the longest article: NFKC makes up to 18 characters of one, but not in any text that is meant to be
# read.
_MAX_CHARACTERS = 400_000
_TOKEN = deferred_pattern(
    rf"[{CJK}]|\d++(?:[.,]\d++)*+|[^\W\d_{CJK}]++(?:'[^\W\d_{CJK}]++)*+|[%$€£¥]",
)
_SEGMENT_END = deferred_pattern(r"""(?<=[.!?…])["'”’»)\]]*\s+|(?<=[。！？])["'”’»」』）]*|\n+""")


def normalize(text: str) -> str:
    """Brings a text to Unicode NFKC, with plain apostrophes and hyphens; case and double quotes stay.

    Returns:
        at most 400 000 characters.
    """
    plain = unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHY)).translate(_TYPOGRAPHY)
    return plain[:_MAX_CHARACTERS]


def split_segments(text: str) -> list[str]:
    """Cuts a text wherever a sentence may end.

    It cuts too often, after "U.S." for one. That does no harm where every part is looked up in the text that
    it came from.
    """
    return [segment for segment in _SEGMENT_END.split(text) if segment.strip()]


def content_terms(text: str, language: str) -> list[str]:
    """Stems of the content words of a text, and bigrams of its CJK runs; without numbers.

    Args:
        text: any text.
        language: ISO 639 code, or ``"und"``.
    """
    return [term for term in analyze(normalize(text), language) if not term[0].isdigit()]


def ngrams(items: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """Runs of `size` neighbouring items, in order."""
    return [tuple(items[start : start + size]) for start in range(len(items) - size + 1)]


def share_in(items: Iterable[object], known: frozenset[object]) -> float:
    """Share of items, counted as often as they occur, that are known; 1 if there are none."""
    found = [item in known for item in items]
    return sum(found) / len(found) if found else 1.0


class TokenRun:
    """The words, numbers and CJK characters of a text in order, without case and punctuation.

    Two texts with the same run differ in white space, case and the style of quotes and dashes at most.
    """

    __slots__ = ("_joined",)

    def __init__(self, text: str) -> None:
        self._joined = f" {' '.join(_TOKEN.findall(normalize(text).casefold()))} "

    @property
    def is_empty(self) -> bool:
        """Whether the text has no words at all."""
        return self._joined.isspace()

    def __contains__(self, other: "TokenRun") -> bool:
        """Whether the other run stands in this one without a gap. Takes linear time."""
        return other.is_empty or other._joined in self._joined


class TermOverlap:
    """How far the content words of a text stand in a source.

    Support is ``0.7 · share of terms + 0.3 · share of term bigrams`` that occur in the source. Terms weigh
    more, since a fair paraphrase keeps the words and breaks up their pairs; bigrams tell it from the same
    words put together another way.
    """

    _TERM_WEIGHT = 0.7

    def __init__(self, source: str, language: str) -> None:
        terms = content_terms(source, language)
        self._language = language
        self._terms = frozenset(terms)
        self._bigrams = frozenset(pairwise(terms))

    def __len__(self) -> int:
        """Number of different terms of the source."""
        return len(self._terms)

    def share_of_terms(self, text: str) -> float:
        """Share of the text's terms that occur in the source, in [0, 1]; 1 for a text without any."""
        return share_in(content_terms(text, self._language), self._terms)

    def support(self, text: str) -> float:
        """Support of the text's terms and bigrams, in [0, 1]; 1 for a text without any."""
        terms = content_terms(text, self._language)
        bigrams = list(pairwise(terms))
        # A single term has no bigrams, which must not count as support.
        of_terms = share_in(terms, self._terms)
        of_bigrams = share_in(bigrams, self._bigrams) if bigrams else of_terms
        return self._TERM_WEIGHT * of_terms + (1 - self._TERM_WEIGHT) * of_bigrams
