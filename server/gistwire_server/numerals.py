"""The numbers of a text and what they amount to, however they are written; faithfulness.py compares them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from gistwire_models.deferred_pattern import deferred_pattern

from gistwire_server.numeral_words import (
    CHINESE_DIGITS,
    CHINESE_MEASURES,
    CHINESE_SCALES,
    scale_words,
    unclaimed_words,
    value_words,
)
from gistwire_server.text_overlap import CJK, normalize

_DECIMAL_COMMA_LANGUAGES = frozenset(
    ["da", "de", "fi", "fr", "id", "it", "nl", "no", "pl", "pt", "ro", "ru", "sv", "tr"]
)
_DECIMAL_POINT_LANGUAGES = frozenset(["en", "he", "hi", "ja", "ko", "th", "zh"])

_DIGITS = r"\d++(?:[.,]\d++)*+"
_CHINESE = "".join(CHINESE_DIGITS) + "".join(CHINESE_SCALES)
_PIECE = deferred_pattern(
    rf"(?P<chinese>(?:{_DIGITS})?[{_CHINESE}]++(?:{_DIGITS}[{_CHINESE}]++)*+)"
    rf"|(?P<digits>{_DIGITS})"
    rf"|(?P<word>[^\W\d_{CJK}]++)"
)
_CHINESE_PART = deferred_pattern(rf"{_DIGITS}|[{_CHINESE}]")
_SPACED_GROUPS = deferred_pattern(r"(?<![\d.,])(\d{1,3})((?: \d{3})+)(?![\d])")
_RANGE = deferred_pattern(r"\s*(?:-|~|/|to|and|or|bis|und|oder|à|et|ou|a|y|o|e|al|至|到)\s*[$€£¥]?\s*")
# Longer ones are no numbers that anyone wrote, and would overflow.
_MAX_CHINESE_CHARACTERS = 40
_MAX_DIGITS = 60
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as a text has it.

    Attributes:
        text: the characters it is written with, normalised, in lower case.
        values: what it may amount to: several where the notation is ambiguous ("3m"), none where it cannot be
            told.
        claimed: whether it certainly states a number, rather than being a word such as "one" or "second".
    """

    text: str
    values: frozenset[Decimal]
    claimed: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    start: int
    end: int
    values: frozenset[Decimal]
    claimed: bool
    factor: Decimal = _ONE


def find_numbers(text: str, language: str) -> list[Number]:
    """Finds the numbers of a text in digits, words and Chinese numerals. Takes linear time.

    Units and signs are not read: "5 pct", "$5" and "-5" are all 5, for a unit often stands once for several
    numbers.

    Args:
        text: any text.
        language: ISO 639 code; it decides what a comma and a point mean in "1,234", and which words are
            numbers.
    """
    plain = normalize(text).casefold()
    if language not in _DECIMAL_POINT_LANGUAGES:
        plain = _SPACED_GROUPS.sub(lambda match: match[1] + match[2].replace(" ", ""), plain)
    readings = list(_read(plain, language))
    return [
        Number(
            plain[each.start : each.end], each.values | _from_neighbours(plain, readings, place), each.claimed
        )
        for place, each in enumerate(readings)
    ]


def _read(text: str, language: str) -> Iterator[_Reading]:
    pieces = list(_PIECE.finditer(text))
    place = 0
    while place < len(pieces):
        piece = pieces[place]
        place += 1
        if piece["chinese"]:
            yield _read_chinese(text, piece)
        elif piece["digits"]:
            scales, place = _following_scales(text, pieces, place, language)
            yield from _read_digits(piece, scales, pieces[place - 1].end(), language)
        elif piece.group() in value_words(language):
            reading, place = _read_words(text, pieces, place - 1, language)
            yield reading
        elif piece.group() in scale_words(language):
            yield _Reading(
                piece.start(), piece.end(), frozenset({scale_words(language)[piece.group()]}), claimed=False
            )


def _read_digits(
    piece: re.Match[str], scales: list[tuple[Decimal, bool]], end: int, language: str
) -> Iterator[_Reading]:
    digits = piece.group()
    values = _values_of_digits(digits, language)
    if not values:
        # Dates, versions and lists: each part is a number of its own.
        for part in re.finditer(r"\d+", digits):
            start = piece.start() + part.start()
            yield _Reading(start, start + len(part[0]), _plain_value(part[0]), claimed=True)
        return
    factor = _ONE
    ambiguous = False
    for scale, may_be_a_unit in scales:
        factor *= scale
        ambiguous = ambiguous or may_be_a_unit
    scaled = frozenset(value * factor for value in values)
    yield _Reading(piece.start(), end, scaled | values if ambiguous else scaled, claimed=True, factor=factor)


def _following_scales(
    text: str, pieces: list[re.Match[str]], place: int, language: str
) -> tuple[list[tuple[Decimal, bool]], int]:
    """Reads "million" in "3.2 million".

    Returns:
        the scales, each with whether it may be a unit instead, and the place after them.
    """
    scales: list[tuple[Decimal, bool]] = []
    while place < len(pieces) and len(scales) < 3:
        gap = text[pieces[place - 1].end() : pieces[place].start()]
        word = pieces[place].group()
        scale = scale_words(language).get(word)
        if scale is None or gap not in ("", " ", "-"):
            break
        # "3m" may be metres and "3 m" almost always is.
        if len(word) == 1 and gap:
            break
        scales.append((scale, len(word) == 1))
        place += 1
    return scales, place


def _values_of_digits(digits: str, language: str) -> frozenset[Decimal]:
    conventions = []
    if language not in _DECIMAL_COMMA_LANGUAGES:
        conventions.append((",", "."))
    if language not in _DECIMAL_POINT_LANGUAGES:
        conventions.append((".", ","))
    values = (_value_by_convention(digits, grouping, decimal) for grouping, decimal in conventions)
    return frozenset(value for value in values if value is not None)


def _value_by_convention(digits: str, grouping: str, decimal: str) -> Decimal | None:
    whole, *fractions = digits.split(decimal)
    if len(fractions) > 1 or len(digits) > _MAX_DIGITS or any(grouping in each for each in fractions):
        return None
    first, *groups = whole.split(grouping)
    # Indian numbers have groups of two: 1,00,000.
    if groups and (len(first) > 3 or len(groups[-1]) != 3 or any(len(each) not in (2, 3) for each in groups)):
        return None
    return Decimal("".join([first, *groups]) + "".join(f".{each}" for each in fractions))


def _plain_value(digits: str) -> frozenset[Decimal]:
    return frozenset({Decimal(digits)} if len(digits) <= _MAX_DIGITS else ())


def _read_words(text: str, pieces: list[re.Match[str]], place: int, language: str) -> tuple[_Reading, int]:
    """Reads "two hundred and fifty thousand" from its first word on; returns the place after it."""
    values, scales = value_words(language), scale_words(language)
    first = pieces[place]
    value, factor = values[first.group()], _ONE
    total = Decimal(0)
    words = 1
    place += 1
    while place < len(pieces) and words < 8:
        word = pieces[place].group()
        gap = text[pieces[place - 1].end() : pieces[place].start()]
        if gap not in (" ", "-"):
            break
        if len(word) > 1 and word in scales:
            factor = scales[word]
            total, value = (total + value * factor, Decimal(0)) if factor >= 1000 else (total, value * factor)
        elif word in values and (values[word] < 10 <= value < 100 or values[word] < 100 <= value):
            value += values[word]
        elif (
            word == "and" and value >= 100 and place + 1 < len(pieces) and pieces[place + 1].group() in values
        ):
            pass
        else:
            break
        words += 1
        place += 1
    claimed = words > 1 or first.group() not in unclaimed_words(language)
    reading = _Reading(
        first.start(), pieces[place - 1].end(), frozenset({total + value}), claimed=claimed, factor=factor
    )
    return reading, place


def _read_chinese(text: str, piece: re.Match[str]) -> _Reading:
    run = piece.group()
    if len(run) > _MAX_CHINESE_CHARACTERS:
        return _Reading(piece.start(), piece.end(), frozenset(), claimed=True)
    value = _chinese_value(run)
    return _Reading(
        piece.start(), piece.end(), frozenset({value}), claimed=_is_chinese_claim(text, piece, value)
    )


def _is_chinese_claim(text: str, piece: re.Match[str], value: Decimal) -> bool:
    """Tells numerals from the many words that are written with the same characters (统一, 十分, 千万)."""
    run = piece.group()
    digits = sum(character in CHINESE_DIGITS for character in run)
    if any(character.isdecimal() for character in run):
        return True
    if digits == 0 or value == 1:
        return False
    # 万一 is "in case", and two digits side by side are idioms or estimates (三四, 一二).
    if (0 < digits < len(run) and run[0] not in "百千万亿萬億") or digits == len(run) >= 3:
        return True
    before, after = text[piece.start() - 1 : piece.start()], text[piece.end() : piece.end() + 1]
    return before in ("第", "之") or (len(run) == 1 and after != "" and after in CHINESE_MEASURES)


def _chinese_value(run: str) -> Decimal:
    """Value of Chinese numerals, also mixed with digits: 三百二十万, 3.2万, 1亿2000万, 二〇〇八."""
    total = section = Decimal(0)
    number: Decimal | None = None
    for part in _CHINESE_PART.findall(run):
        if part in CHINESE_SCALES:
            scale = CHINESE_SCALES[part]
            if scale < 10_000:
                section += (_ONE if number is None else number) * scale
            else:
                section += number or Decimal(0)
                # 万亿 multiplies all that came before; 亿…万 only what came since.
                if 0 < total < scale:
                    total, section = total + section, Decimal(0)
                    total *= scale
                else:
                    total += (section or _ONE) * scale
                    section = Decimal(0)
            number = None
        elif part in CHINESE_DIGITS:
            digit = Decimal(CHINESE_DIGITS[part])
            number = digit if number is None else number * 10 + digit
        else:
            number = Decimal(part.replace(",", "")) if part.count(".") <= 1 else Decimal(0)
    return total + section + (number or Decimal(0))


def _from_neighbours(text: str, readings: list[_Reading], place: int) -> frozenset[Decimal]:
    """What a number may mean besides as part of a range: 3 in "3 to 4 million", 05 in "2004-05"."""
    this = readings[place]
    values: set[Decimal] = set()
    if place + 1 < len(readings):
        following = readings[place + 1]
        if this.factor == 1 != following.factor and _are_range(text, this, following):
            values.update(value * following.factor for value in this.values)
    if place > 0 and this.end - this.start == 2:
        previous = readings[place - 1]
        for century in (value - value % 100 for value in previous.values if 1000 <= value < 3000):
            if _are_range(text, previous, this):
                values.update(century + value for value in this.values)
    # '87 is a year of the last century or of this one.
    if this.end - this.start == 2 and text[this.start - 1 : this.start] == "'":
        values.update(value + century for value in this.values for century in (1900, 2000))
    return frozenset(values)


def _are_range(text: str, first: _Reading, second: _Reading) -> bool:
    # Connectors are short: what is longer is not looked at.
    gap = text[first.end : second.start]
    return len(gap) <= 8 and _RANGE.fullmatch(gap) is not None
