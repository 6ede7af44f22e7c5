"""The sentences of an article that a summary may hold; the extractive summarizer chooses among them."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gistwire_models.deferred_pattern import deferred_pattern
from gistwire_models.encoder import Embedding
from gistwire_models.instructions import is_instruction
from gistwire_models.sentences import split_sentences

_MAX_SENTENCES = 40
"""How many sentences are considered: what a news article says later than that is background."""

_MAX_CHARACTERS = 16_000
"""How much of the body is read, for the same reason."""

_MIN_WORDS = 4
_MIN_IDEOGRAPHS = 6
_IDEOGRAPH = deferred_pattern(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_WORD = deferred_pattern(r"\w+")
_BOILERPLATE = deferred_pattern(
    r"^(?:(?-i:By\s+[A-Z][\w.]+\s+[A-Z])|\(?(?:reporting|editing|additional reporting|writing)\s+by\b|copyright\b|©"
    r"|all rights reserved|correction\s*:|更正：|read more\b|click here\b|for more\b|subscribe\b)",
    re.IGNORECASE,
)
_DATELINE = deferred_pattern(
    r"""^(?:
        (?:[A-Z][^()\n]{0,60}?\s)?\([A-Z][\w.\ ]{1,20}\)        # LOS ANGELES (Reuters) -
      | AP | AFP | UPI | Reuters | [A-Z]\w*\.com                # AP -
      | [A-Z][A-Z.'’\ ]{2,30}(?:,\ [A-Z][\w.\ ]{1,30}){0,2}     # TORONTO, Canada --
    )\s+[-–—]{1,2}\s+(?=[A-Z0-9"“'‘])""",
    re.VERBOSE,
)
_DEPENDENT = deferred_pattern(
    r"""^(?:["“”„«‘「『]
    |(?:it|its|he|his|she|her|they|their|them|this|that|these|those|both|such|then|there|so|but|and|or|nor|yet
       |also|another|others?|however|meanwhile|instead|still|in\ addition|as\ a\ result
       |the\ (?:latter|former|move|answer))\b
    |[他她它这该该其此但而]|不过|因此|同时|另外|对此|随后)""",
    re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTION = deferred_pattern(
    r"[^，。；！？“”]{0,24}(?:说|表示|指出|介绍|提醒|强调|透露|解释|补充|坦言|称)[。.]?"
)
"""Who said what the sentence before quotes, alone: Chinese puts it after the quotation's full stop."""

_QUOTATION_PAIRS = (("“", "”"), ("「", "」"), ("『", "』"), ("«", "»"), ("(", ")"), ("（", "）"))


@dataclass(frozen=True, slots=True)
class ArticleSentences:
    """The sentences of an article that a summary may hold.

    Attributes:
        texts: the sentences, in the order of the article; at least one.
        tokens: number of tokens of each.
        dependent: whether each leans on the one before it, as `is_dependent` says. ``bool [sentences]``.
        embeddings: ``float32 [sentences, dimension]``.
    """

    texts: tuple[str, ...]
    tokens: tuple[int, ...]
    dependent: NDArray[np.bool_]
    embeddings: Embedding

    def size_bytes(self) -> int:
        """What they take in memory, about."""
        # A text takes up to two bytes a character, and 64 with its token count.
        return self.embeddings.nbytes + sum(len(text) * 2 + 64 for text in self.texts)


def usable_sentences(*, headline: str, body: str, language: str) -> list[str]:
    """Finds the sentences that a summary may hold, in order; at most 40 from the first 16 000 characters.

    Left out are fragments and tables, bylines and the like, halves of a quotation, orders to whoever summarizes, and
    what the headline or an earlier sentence says already. Datelines are cut off.
    """
    usable: list[str] = []
    seen = {_normalized(headline)}
    for sentence in split_sentences(body[:_MAX_CHARACTERS], language):
        text = _without_dateline(" ".join(sentence.text.split()))
        normalized = _normalized(text)
        if normalized in seen or _is_fragment(text) or _BOILERPLATE.match(text) or _breaks_quotation(text):
            continue
        if is_instruction(text):
            continue
        seen.add(normalized)
        usable.append(text)
        if len(usable) == _MAX_SENTENCES:
            break
    return usable


def is_dependent(text: str) -> bool:
    """Tells whether a sentence leans on the one before it: "It …", "But …", or a quotation."""
    return _DEPENDENT.match(text) is not None


def _without_dateline(text: str) -> str:
    # There may be two: "SPACE.com - TORONTO, Canada -- A second team".
    for _ in range(2):
        text = _DATELINE.sub("", text)
    return text


def _is_fragment(text: str) -> bool:
    ideographs = len(_IDEOGRAPH.findall(text))
    if ideographs:
        return ideographs < _MIN_IDEOGRAPHS or _ATTRIBUTION.fullmatch(text) is not None
    words = [word for word in _WORD.findall(text) if not word.isdigit()]
    # Tables of prices and results are mostly numbers and symbols.
    letters = sum(character.isalpha() for character in text)
    return len(words) < _MIN_WORDS or letters * 2 < len(text)


def _breaks_quotation(text: str) -> bool:
    """Tells whether a quotation or parenthesis begins or ends outside of the sentence."""
    return text.count('"') % 2 == 1 or any(
        text.count(left) != text.count(right) for left, right in _QUOTATION_PAIRS
    )


def _normalized(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
