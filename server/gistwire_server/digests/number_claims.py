"""The numbers of a sentence with what they count: "15" of "killed 15 people". Used by disagreements.py."""

import re
from dataclasses import dataclass
from decimal import Decimal

from gistwire_models.deferred_pattern import deferred_pattern

from gistwire_server.numerals import find_numbers
from gistwire_server.text_overlap import CJK, content_terms, normalize

_REACH = 48
"""How many characters beside a number are looked at."""

_EXACT_BELOW = 1000
"""Whole numbers below this are counted, not rounded."""

_UNIT = deferred_pattern(r"[-\s]*(?:%|pct\b|per\s?cent\b|percent\b|percentage\b|个?百分点)", re.IGNORECASE)
_CURRENCY = deferred_pattern(r"[$€£¥]\s*$")
_APPROXIMATE = deferred_pattern(
    r"""\b(?:about|around|nearly|almost|roughly|approximately|some|up\sto|as\smany\sas|as\smuch\sas|more\sthan|over
        |at\sleast|at\smost|less\sthan|fewer\sthan|under|below|above|between|from|an?\sestimated|maybe|perhaps
        |further|additional|another|extra)\s*[$€£¥]?\s*$
      | (?:约|大约|近|将近|超过|逾|至少|最多|不到|不足|高达|多达|左右|又|再|另)\s*$""",
    re.IGNORECASE | re.VERBOSE,
)
_APPROXIMATE_AFTER = deferred_pattern(
    r"\s*(?:or\s(?:so|more|less|fewer)\b|-?plus\b|\+|多|余|左右|以上|以下)", re.IGNORECASE
)
# A number that is a part of another: of a range, a score, a date, a time, a fraction.
_JOINED_BEFORE = deferred_pattern(r"[\d.][-–/:]\s*$|\b(?:to|and|or)\s+$|[至到]\s*$", re.IGNORECASE)
_JOINED_AFTER = deferred_pattern(
    r"\s*[-–/:]\s*[\d$€£]|\s+(?:to|or)\s+[$€£]?\d|[至到]\d|[-–]?(?:st|nd|rd|th)\b|(?:月|日|号|时|点|届)",
    re.IGNORECASE,
)
_CJK = deferred_pattern(f"[{CJK}]")


@dataclass(frozen=True, slots=True)
class NumberClaim:
    """A number of a sentence, and what it counts.

    Attributes:
        text: the number as the sentence has it, normalised, in lower case.
        start: its place in `normalize(sentence)`.
        end: the place after it.
        values: what it may amount to.
        unit: what follows it: "%" or the next content word, or in Chinese the next characters; may be empty.
        before: the content word before it, or in Chinese the characters; may be empty.
        is_exact: whether it is neither a range nor an estimate.
    """

    text: str
    start: int
    end: int
    values: frozenset[Decimal]
    unit: str
    before: str
    is_exact: bool


def find_number_claims(sentence: str, language: str) -> list[NumberClaim]:
    """Finds the numbers of a sentence that count something. Takes linear time."""
    plain = normalize(sentence)
    folded = plain.casefold()
    if len(folded) != len(plain):
        # A letter that folds to two moves all places.
        plain = folded
    claims = []
    cursor = 0
    for number in find_numbers(sentence, language):
        start = folded.find(number.text, cursor)
        if start < 0:
            continue
        cursor = end = start + len(number.text)
        if number.claimed and number.values:
            claims.append(_claim(plain, start, end, number.values, language))
    return claims


def contradict(first: NumberClaim, second: NumberClaim) -> bool:
    """Whether two numbers that count the same cannot both be right.

    Estimates and ranges contradict nothing, nor does a number that is the other rounded.
    """
    if not (first.is_exact and second.is_exact) or not first.values.isdisjoint(second.values):
        return False
    return not any(_is_rounded(one, other) for one in first.values for other in second.values)


def _claim(plain: str, start: int, end: int, values: frozenset[Decimal], language: str) -> NumberClaim:
    left, right = plain[max(0, start - _REACH) : start], plain[end : end + _REACH]
    currency = _CURRENCY.search(left)
    is_exact = not (
        _APPROXIMATE.search(left)
        or _APPROXIMATE_AFTER.match(right)
        or _JOINED_BEFORE.search(left)
        or _JOINED_AFTER.match(right)
    )
    unit = "%" if _UNIT.match(right) else _neighbour(right, language, last=False)
    if currency:
        unit = currency[0].strip()
    before = _neighbour(left[: currency.start()] if currency else left, language, last=True)
    return NumberClaim(plain[start:end].casefold(), start, end, values, unit, before, is_exact)


def _neighbour(text: str, language: str, *, last: bool) -> str:
    """The content word, or in Chinese the two characters, next to a number."""
    near = text.rstrip()[-2:] if last else text.lstrip()[:2]
    if len(_CJK.findall(near)) == len(near) == 2:
        return near
    terms = content_terms(text, language)
    if not terms:
        return ""
    return terms[-1] if last else terms[0]


def _is_rounded(one: Decimal, other: Decimal) -> bool:
    """Whether the number with fewer digits is the other one rounded or cut to as many."""
    if one == other:
        return True
    if all(value == value.to_integral_value() and abs(value) < _EXACT_BELOW for value in (one, other)):
        return False
    coarse, fine = sorted((one, other), key=_significant_digits)
    step = Decimal(1).scaleb(coarse.normalize().as_tuple().exponent)  # type: ignore[arg-type]
    return abs(coarse - fine) < step


def _significant_digits(value: Decimal) -> int:
    return len(value.normalize().as_tuple().digits)
