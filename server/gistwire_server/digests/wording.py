"""How a digest says a sentence of an article: not too long, without "But" before it, and whether it stands alone."""

import re
from dataclasses import dataclass

from gistwire_models.article_sentences import is_dependent
from gistwire_models.deferred_pattern import deferred_pattern
from gistwire_models.shortening import shorten

from gistwire_server.text_overlap import CJK

_MAX_WIDTH = 320
"""Longest sentence of a digest, in letters, an ideograph counting as two: about fifty words."""

_CONNECTIVE = deferred_pattern(
    r"""(?:but|and|yet|however|meanwhile|instead|still|also|in\ addition|moreover|furthermore|separately|besides)
            \ ?,\ *
      | (?:but|and|yet|meanwhile)\ +(?=(?-i:[A-Z\d])|["“'‘]|the\b|an?\b)
      | (?:但是?|不过|然而|而且|因此|同时|另外|此外|与此同时|随后)[，,]
      | 但是?(?![愿凡丁])""",
    re.IGNORECASE | re.VERBOSE,
)
"""What only joins a sentence to the one before. "But" without a comma is followed by what begins a clause."""

_DANGLING_SPEAKER = deferred_pattern(
    r"""[,，]["”]?\ (?:he|she|they|it)\ (?:also\ )?(?:said|says|added|told|noted|wrote|explained|warned|stated)\b
      | [,，]["”]?\ (?:said|added)\ (?:he|she|they)\b
      | [，。](?:他|她|他们|她们)(?:说|表示|指出|补充|强调|透露|称)""",
    re.IGNORECASE | re.VERBOSE,
)
_CJK = deferred_pattern(f"[{CJK}]")


@dataclass(frozen=True, slots=True)
class Wording:
    """How a digest would say a sentence.

    Attributes:
        text: the sentence, shortened with "…" if it is too long.
        stands_alone: whether it makes sense without the sentence before it.
        is_whole: whether nothing was cut off.
    """

    text: str
    stands_alone: bool
    is_whole: bool


def read_wording(text: str, language: str) -> Wording:
    """Words a sentence for a digest. What remains are words of the sentence in their order.

    Args:
        text: the sentence, on one line.
        language: ISO 639 code, or ``"und"``.
    """
    plain = _without_connective(text, language)
    is_whole = _width(plain) <= _MAX_WIDTH
    if not is_whole:
        plain = shorten(plain, max_tokens=_MAX_WIDTH, count_tokens=_width)
    stands_alone = not is_dependent(plain) and _DANGLING_SPEAKER.search(plain) is None
    return Wording(plain, stands_alone, is_whole)


def _without_connective(text: str, language: str) -> str:
    match = _CONNECTIVE.match(text) if language in ("en", "zh", "und") else None
    if match is None or match.end() == len(text):
        return text
    rest = text[match.end() :]
    return rest[0].upper() + rest[1:]


def _width(text: str) -> int:
    return len(text) + len(_CJK.findall(text))
