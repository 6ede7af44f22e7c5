"""Splits text into sentences by rules, in time linear in its length; for the extractive summarizer."""

import re
from dataclasses import dataclass

from gistwire_models.abbreviations import (
    AFTER_TIME_OF_DAY,
    EXCLAIMING_NAMES,
    NEVER_LAST,
    NUMBERED,
    ORDINAL_NOUNS,
    SENTENCE_STARTERS,
    SOMETIMES_LAST,
    SPACED_ABBREVIATION,
    TIME_OF_DAY,
)
from gistwire_models.deferred_pattern import deferred_pattern

# Stops that end a sentence without white space after them: Chinese and Japanese, Hindi, Arabic, Urdu.
_UNSPACED_STOPS = "。！？｡।؟۔"
_CLOSERS = "\"'”’»)\\]}」』》〉）】〕"
_OPENERS = "\"'`“‘«„‚‹(\\[{「『《〈（【〔¿¡"
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

_SIGN = deferred_pattern(
    rf"""(?P<stops>[.!?…{_UNSPACED_STOPS}]+)(?P<closers>[{_CLOSERS}]*)
         (?=(?P<space>\s*)(?P<openers>[{_OPENERS}]*)(?P<word>[^\W_]{{0,24}})(?P<dot>\.?))
       | [\n\r\u2028\u2029]\s*""",
    re.VERBOSE,
)
_BEFORE_WORD = deferred_pattern(rf"[\s{_OPENERS}—–]")
_ACRONYM = deferred_pattern(r"(?:[^\W\d_]\.)+[^\W\d_]|[^\W\d_]")
_IDEOGRAPH = deferred_pattern(rf"[{_IDEOGRAPHS}]")
_IDEOGRAPH_BEGINS = deferred_pattern(rf"[「『《〈（【〔“]?[{_IDEOGRAPHS}]")

# After a quote the sentence goes on: with a comma, the Japanese quotative, or a Chinese verb of saying.
_QUOTE_CONTINUES = deferred_pattern(
    r"\s*(?:[，、,]|と|って|\w{0,4}(?:说|説|說|问|問|答|喊|叫|表示|称|稱)道?[^\w])"
)

# With one of these the sentence goes on, as in "NEW YORK, N.Y. -- Stocks fell".
_CONTINUING_MARKS = frozenset(",;:-–—.…!?)]}/&+=%»”’")

# The longest abbreviations, with what stands before them, fit into this many characters.
_ABBREVIATION_REACH = 24


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and its place.

    Attributes:
        text: the sentence, without white space around it; never empty.
        start: place of its first character in the text it was found in.
        end: place after its last character.
    """

    text: str
    start: int
    end: int


def split_sentences(text: str, language: str = "und") -> list[Sentence]:
    """Splits text into sentences; only white space is lost between them.

    A line break ends a sentence too, unless the next line begins in lower case. Where the signs are
    ambiguous, as after "Inc.", the text is rather left together.

    Args:
        text: plain text, of any length.
        language: ISO 639 code, or ``"und"``.
    """
    sentences: list[Sentence] = []
    start = 0
    for sign in _SIGN.finditer(text):
        if _is_end(text, sign, start, language):
            _append_trimmed(sentences, text, start, sign.end())
            start = sign.end()
    _append_trimmed(sentences, text, start, len(text))
    return sentences


def _append_trimmed(sentences: list[Sentence], text: str, start: int, end: int) -> None:
    part = text[start:end]
    trimmed = part.strip()
    if trimmed:
        start += len(part) - len(part.lstrip())
        sentences.append(Sentence(trimmed, start, start + len(trimmed)))


def _is_end(text: str, sign: re.Match[str], start: int, language: str) -> bool:
    stops = sign["stops"]
    if stops is None:
        return _line_break_ends(text, sign)
    if stops[-1] in _UNSPACED_STOPS:
        return not (sign["closers"] and _QUOTE_CONTINUES.match(text, sign.end()))
    if not sign["space"]:
        return _unspaced_stop_ends(text, sign)
    return _sentence_may_begin(text, sign) and not _stop_belongs_to_word(text, sign, start, language)


def _line_break_ends(text: str, sign: re.Match[str]) -> bool:
    is_paragraph = sign[0].count("\n") > 1 or "\u2029" in sign[0]
    return is_paragraph or not text[sign.end() : sign.end() + 1].islower()


def _unspaced_stop_ends(text: str, sign: re.Match[str]) -> bool:
    """Decides on "!" and "?" between ideographs; elsewhere, a stop without white space ends nothing."""
    return (
        sign["stops"][-1] in "!?"
        and _IDEOGRAPH.match(text, sign.start() - 1) is not None
        and _IDEOGRAPH_BEGINS.match(text, sign.end()) is not None
    )


def _sentence_may_begin(text: str, sign: re.Match[str]) -> bool:
    first = text[sign.start("word") : sign.start("word") + 1]
    if first.islower():
        # "iPhone" may begin a sentence, "and" may not.
        return sign["word"][1:2].isupper()
    return first not in _CONTINUING_MARKS


def _stop_belongs_to_word(text: str, sign: re.Match[str], start: int, language: str) -> bool:
    stops, next_word = sign["stops"], sign["word"]
    before = text[max(start, sign.start() - _ABBREVIATION_REACH) : sign.start()]
    word = _BEFORE_WORD.split(before)[-1]
    starter_follows = next_word in SENTENCE_STARTERS and not sign["dot"]
    if stops == "!":
        return word in EXCLAIMING_NAMES and not starter_follows
    if stops != ".":
        return False
    if word.isdigit():
        return _is_ordinal(before, word, next_word, language)
    return _is_abbreviation(before, word, next_word, starter_follows=starter_follows)


def _is_ordinal(before: str, number: str, next_word: str, language: str) -> bool:
    if len(number) > 2:
        return False
    is_enumeration = before.strip() == number
    is_german = language == "de" and next_word.isalpha()
    return is_enumeration or is_german or next_word in ORDINAL_NOUNS


def _is_abbreviation(before: str, word: str, next_word: str, *, starter_follows: bool) -> bool:
    # In a headline in capitals, "SEN." is "Sen.".
    forms = {word, word.capitalize()} if word.isupper() and len(word) > 1 else {word}
    if forms & NEVER_LAST or SPACED_ABBREVIATION.search(before):
        return True
    if forms & NUMBERED and next_word[:1].isdigit():
        return True
    if forms & TIME_OF_DAY:
        return next_word in AFTER_TIME_OF_DAY
    if forms & SOMETIMES_LAST or _ACRONYM.fullmatch(word):
        return not starter_follows
    return False
