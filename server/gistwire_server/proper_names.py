"""The proper names of a text, and whether a source has them: used by faithfulness.py."""

from collections.abc import Iterator
from dataclasses import dataclass

from gistwire_models.deferred_pattern import deferred_pattern

from gistwire_server.name_words import (
    ABBREVIATIONS,
    CALENDAR,
    CHINESE_SURNAMES,
    HONORIFICS,
    OPENER_ENDINGS,
    OPENERS,
    SAME_COUNTRY,
)
from gistwire_server.text_overlap import CJK, TokenRun, normalize

_LETTER = rf"[^\W\d_{CJK}]"
_WORD = deferred_pattern(rf"(?<!\w)(?:{_LETTER}\.)++(?:{_LETTER}(?!\w))?|(?<!\d){_LETTER}[^\W_{CJK}]*+")
_CJK_LANGUAGES = frozenset({"zh", "ja", "ko"})
_TITLE_CASE = 0.9
"""Share of capitalised words from which capitals tell nothing, as in headlines in title case."""

# "Indian" is of India, "Chinese" of China, "Schröders" of Schröder.
_ENDINGS = ("s", "es", "n", "an", "ian", "ans", "ians", "i", "is", "ese", "a", "y")
_MIN_STEM = 4

_CHINESE_TITLE = deferred_pattern("《([^《》]{1,60})》")
_CHINESE_SPEAKER = deferred_pattern(
    rf"([{CHINESE_SURNAMES}][\u4e00-\u9fff]?[^\W地也还并又都则曾已再均亦面])(?=表示|说|称|认为|指出|透露|坦言|介绍)"
)
_CHINESE_BODY = deferred_pattern(
    r"(?![到在从向由往对把被让给和与及是的了等])[\u4e00-\u9fff]"
    r"(?![到在从向由往对把被让给和与及是的了等家该本我各全某此大小分子总母新城上超股都门夜])[\u4e00-\u9fff]"
    r"(?:大学|银行|集团|医院|法院|公司|省|市(?![场值民况盈])|县)"
)


@dataclass(frozen=True, slots=True)
class Name:
    """A proper name.

    Attributes:
        text: the name as the text has it, normalised.
        words: its words; one phrase, for a name in Chinese characters.
    """

    text: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    is_acronym: bool
    opens_sentence: bool
    follows_directly: bool

    @property
    def is_capitalised(self) -> bool:
        return self.text[0].isupper()

    @property
    def is_distinctive(self) -> bool:
        """Whether it is written as no common word is: NATO, iPhone, MH370."""
        return any(character.isupper() for character in self.text[1:])


def find_names(text: str, language: str) -> list[Name]:
    """Finds the names that a text states for certain. Takes linear time.

    In cased languages these are spans of capitalised words. The first word of a sentence counts only where a
    capitalised word follows or its own form is distinctive; German nouns only where two stand together; and
    in titles, where most words are capitalised, distinctive forms alone. In Chinese they are titles in 《》,
    names in Latin letters, speakers and corporate bodies.

    Args:
        text: any text.
        language: ISO 639 code, or ``"und"``.
    """
    plain = normalize(text)
    names = [
        Name(" ".join(word.text for word in span), tuple(word.text for word in span))
        for span in _spans(_claimed_words(list(_words(plain)), language))
    ]
    for pattern in (_CHINESE_TITLE, _CHINESE_SPEAKER, _CHINESE_BODY):
        for match in pattern.finditer(plain):
            phrase = match[1] if pattern.groups else match[0]
            names.append(Name(phrase, (phrase,)))
    return names


class NameIndex:
    """What a source offers in support of names: words, acronyms and the initials of capitalised spans."""

    def __init__(self, text: str) -> None:
        words = list(_words(normalize(text)))
        self._forms = frozenset(form for word in words for form in _forms(word.text))
        self._acronyms = frozenset(word.text.casefold() for word in words if word.is_acronym)
        self._initials = " ".join(
            "".join(word.text[0] for word in span).casefold()
            for span in _spans([(word, word.is_capitalised) for word in words])
        )
        self._run = TokenRun(text)

    def unsupported(self, name: Name) -> str:
        """The words of the name that the source does not have; empty if it has them all.

        A word is supported by itself in any case, as the name of a country by that of its people, and as an
        acronym by the words it stands for, or the other way round.
        """
        initials = "".join(word[0] for word in name.words).casefold()
        if initials in self._acronyms:
            return ""
        return " ".join(word for word in name.words if not self._supports(word))

    def _supports(self, word: str) -> bool:
        if not self._forms.isdisjoint(_forms(word)) or TokenRun(word) in self._run:
            return True
        return word.isupper() and len(word) >= 2 and word.casefold() in self._initials


def _words(text: str) -> Iterator[_Word]:
    previous_end = 0
    previous = ""
    for match in _WORD.finditer(text):
        gap = text[previous_end : match.start()]
        ends_sentence = any(character in gap for character in '.!?…:;"“”„«»(\n。！？') and not (
            gap.startswith(".") and (previous.casefold() in ABBREVIATIONS or len(previous) == 1)
        )
        word = match[0].replace(".", "")
        yield _Word(
            word,
            is_acronym=len(word) >= 2 and (word != match[0] or word.isupper()),
            opens_sentence=not previous or ends_sentence,
            follows_directly=gap in (" ", "-", ". "),
        )
        previous_end, previous = match.end(), word


def _claimed_words(words: list[_Word], language: str) -> list[tuple[_Word, bool]]:
    """Each word with whether it certainly is (part of) a name."""
    telling = [word for word in words if len(word.text) >= 2 and word.text.casefold() not in OPENERS]
    if sum(word.text.isupper() for word in telling) >= _TITLE_CASE * len(telling):
        return [(word, False) for word in words]
    inner = [word for word in telling if not word.opens_sentence]
    # A lone name after the first word makes no title.
    in_title_case = len(inner) >= 2 and sum(word.is_capitalised for word in inner) >= _TITLE_CASE * len(inner)
    only_distinctive = in_title_case or language in _CJK_LANGUAGES
    return [
        (word, _is_claimed(words, place, language, only_distinctive=only_distinctive))
        for place, word in enumerate(words)
    ]


def _is_claimed(words: list[_Word], place: int, language: str, *, only_distinctive: bool) -> bool:
    word = words[place]
    if len(word.text) < 2 or word.text.casefold() in HONORIFICS:
        return False
    if word.is_distinctive:
        return True
    if only_distinctive or not word.is_capitalised:
        return False
    following = words[place + 1] if place + 1 < len(words) else None
    goes_on = following is not None and following.follows_directly and following.is_capitalised
    if word.opens_sentence:
        return goes_on and language == "en" and not _may_open_sentence(word.text.casefold())
    follows_capital = word.follows_directly and words[place - 1].is_capitalised
    return language != "de" or goes_on or (follows_capital and not words[place - 1].opens_sentence)


def _may_open_sentence(word: str) -> bool:
    return word in OPENERS or word.endswith(OPENER_ENDINGS)


def _spans(words: list[tuple[_Word, bool]]) -> Iterator[list[_Word]]:
    """Runs of words that are wanted and follow each other directly."""
    span: list[_Word] = []
    for word, wanted in words:
        if span and not (wanted and word.follows_directly):
            yield span
            span = []
        if wanted:
            span.append(word)
    if span:
        yield span


def _forms(word: str) -> set[str]:
    """The word without case, and its stems by the endings of names; a common form makes words the same."""
    folded = word.casefold()
    if folded in CALENDAR:
        return {folded[:3]}
    forms = {folded, SAME_COUNTRY.get(folded, folded)}
    forms.update(
        folded.removesuffix(ending)
        for ending in _ENDINGS
        if folded.endswith(ending) and len(folded) - len(ending) >= _MIN_STEM
    )
    return forms
