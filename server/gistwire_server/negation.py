"""Negations that one text has and another lacks in the same place: used by faithfulness.py."""

import re
from collections.abc import Iterator
from itertools import pairwise

from gistwire_models.deferred_pattern import deferred_pattern

from gistwire_server.text_overlap import CJK, content_terms, normalize

_NEGATIONS = {
    "en": r"not|no|never|cannot|without|neither|nor|none|\w+n't",
    "de": "nicht|kein|keine|keinen|keinem|keiner|keines|nie|niemals|ohne",
    "es": "no|nunca|jamás|sin|ni",
    "fr": "pas|jamais|sans|aucun|aucune|ni",
    "it": "non|mai|senza|né",
    "pt": "não|nunca|jamais|sem|nem",
}
_WORD_NEGATION = {
    language: deferred_pattern(rf"\b(?:{words})\b", re.IGNORECASE) for language, words in _NEGATIONS.items()
}
_CHINESE_NEGATION = deferred_pattern(rf"(?<=([{CJK}]{{2}}))(?:没有|不|没|未|无)(?=([{CJK}]{{2}}))")


class NegationIndex:
    """Where a source negates and where it does not.

    Sentences are not compared as a whole, for the negation may be in a clause that a summary rightly leaves
    out. Only neighbouring content words count: if the source has the two always with a negation between them
    and the summary has them without, or the other way round, the meaning is turned. Anything else is no
    evidence.
    """

    def __init__(self, text: str, language: str) -> None:
        self._language = language
        self._pairs = set(_pairs(text, language))
        self._before_negation = {first for first, _, negated in self._pairs if negated}
        self._after_negation = {second for _, second, negated in self._pairs if negated}
        self._text = normalize(text)
        self._chinese = {(match[1], match[2]) for match in _CHINESE_NEGATION.finditer(self._text)}

    def find_flips(self, text: str) -> list[str]:
        """Places of a text where the source says the opposite, each as its two words (four characters)."""
        pairs = list(_pairs(text, self._language))
        flips = [
            f"{first} {second}"
            for place, (first, second, negated) in enumerate(pairs)
            if (first, second, not negated) in self._pairs
            and (first, second, negated) not in self._pairs
            and not (self._negates_beside(first, second) if negated else _negates_beside(pairs, place))
        ]
        return flips + list(self._find_chinese_flips(normalize(text)))

    def _negates_beside(self, first: str, second: str) -> bool:
        """Whether the source has the negation one word off: "did not announce cuts", "announced no cuts"."""
        return first in self._after_negation or second in self._before_negation

    def _find_chinese_flips(self, text: str) -> Iterator[str]:
        if not self._chinese and not _CHINESE_NEGATION.search(text):
            return
        for match in _CHINESE_NEGATION.finditer(text):
            before, after = match[1], match[2]
            if (before, after) not in self._chinese and before + after in self._text:
                yield match[1] + match[0] + match[2]
        for start in range(len(text) - 3):
            before, after = text[start : start + 2], text[start + 2 : start + 4]
            if (before, after) in self._chinese and before + after not in self._text:
                yield before + after


def _negates_beside(pairs: list[tuple[str, str, bool]], place: int) -> bool:
    return any(negated for _, _, negated in pairs[max(0, place - 1) : place + 2])


def _pairs(text: str, language: str) -> Iterator[tuple[str, str, bool]]:
    """Neighbouring content words, and whether a negation stands between them."""
    pattern = _WORD_NEGATION.get(language)
    if pattern is None:
        return
    last = ""
    for piece in pattern.split(normalize(text)):
        terms = content_terms(piece, language)
        if last and terms:
            yield last, terms[0], True
        for first, second in pairwise(terms):
            yield first, second, False
        last = terms[-1] if terms else last
