"""Words and phrases that no text may hold: `BlockedTermRule`, and `read_terms` for a file of them."""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from gistwire_server.errors import ConfigurationError
from gistwire_server.policy.rules import Finding
from gistwire_server.text_overlap import CJK

_MASK = "[…]"
_END = ""
"""Key of a node at which a term ends; no character is empty."""


class _Node(dict[str, "_Node"]):
    """A place in the tree of terms: what may follow, by character."""


class _Character(NamedTuple):
    """A character of a text as terms are compared, and the place of the one it is from."""

    text: str
    place: int


class BlockedTermRule:
    """Finds terms. A TextRule.

    Case, width, accents' encoding and invisible characters make no difference, and any white space is a space. A
    term is found as a whole word: "ass" is not in "assess". In scripts without spaces it is found anywhere.

    Args:
        terms: words and phrases; those without a visible character are ignored.
        refuse: whether a text with one is to be refused, rather than the term masked.
    """

    def __init__(self, terms: Iterable[str], *, refuse: bool) -> None:
        self._mask = None if refuse else _MASK
        self._root = _Node()
        for term in terms:
            node = self._root
            for character in "".join(each.text for each in _compared(term)).strip():
                node = node.setdefault(character, _Node())
            if node is not self._root:
                node[_END] = _Node()

    @property
    def is_empty(self) -> bool:
        """Whether there are no terms."""
        return not self._root

    def find(self, text: str) -> list[Finding]:
        """Finds the longest term that begins at each place."""
        characters = list(_compared(text))
        return [
            Finding(characters[start].place, characters[end - 1].place + 1, "blocked_term", self._mask)
            for start, end in self._terms_in(characters)
        ]

    def decided_length(self, text: str) -> int:
        """All but what may become a term, and what was found at the very end."""
        characters = list(_compared(text))
        for start in range(len(characters)):
            if _may_begin(characters, start) and self._is_open(characters, start):
                return characters[start].place
        return len(text)

    def _is_open(self, characters: list[_Character], start: int) -> bool:
        """Whether a term begins with all that stands from here on, or is it: more letters would make another word."""
        node = self._root
        for place in range(start, len(characters)):
            following = node.get(characters[place].text)
            if following is None:
                return False
            node = following
        return True

    def _terms_in(self, characters: list[_Character]) -> Iterator[tuple[int, int]]:
        start = 0
        while start < len(characters):
            end = self._longest(characters, start) if _may_begin(characters, start) else None
            if end is not None:
                yield start, end
            start = end or start + 1

    def _longest(self, characters: list[_Character], start: int) -> int | None:
        node: _Node = self._root
        longest = None
        for place in range(start, len(characters)):
            following = node.get(characters[place].text)
            if following is None:
                break
            node = following
            if _END in node and _may_end(characters, place + 1):
                longest = place + 1
        return longest


def read_terms(path: Path) -> list[str]:
    """Reads a file of terms: one a line in UTF-8; empty lines and those that begin with "#" do not count.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"policy.blocked_terms_file: {path}: {error}") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _compared(text: str) -> Iterator[_Character]:
    """The characters of a text as they are compared: one may give several, invisible ones give none."""
    after_space = False
    for place, character in enumerate(text):
        for each in _folded(character):
            if each == " " and after_space:
                continue
            after_space = each == " "
            yield _Character(each, place)


@lru_cache(maxsize=8_192)
def _folded(character: str) -> str:
    if character.isspace():
        return " "
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(each for each in folded if unicodedata.category(each) != "Cf" and not each.isspace())


def _may_begin(characters: list[_Character], place: int) -> bool:
    """Whether a word may begin at a place: not within one."""
    return place == 0 or not (_joins(characters[place].text) and _joins(characters[place - 1].text))


def _may_end(characters: list[_Character], place: int) -> bool:
    """Whether a word may end before a place."""
    return place == len(characters) or _may_begin(characters, place)


@lru_cache(maxsize=8_192)
def _joins(character: str) -> bool:
    """Whether a character makes one word with its neighbours: letters, marks and digits of scripts with spaces."""
    return unicodedata.category(character)[0] in "LMN" and not _is_unspaced(character)


def _is_unspaced(character: str) -> bool:
    return any(low <= character <= high for low, high in _UNSPACED)


def _ranges(ranges: str) -> list[tuple[str, str]]:
    """The ranges in the inside of a regular expression's brackets."""
    return [(each[0], each[-1]) for each in _split_ranges(ranges)]


def _split_ranges(ranges: str) -> Iterator[str]:
    place = 0
    while place < len(ranges):
        length = 3 if ranges[place + 1 : place + 2] == "-" else 1
        yield ranges[place : place + length]
        place += length


_UNSPACED = (
    *_ranges(CJK),
    ("\u0e00", "\u0eff"),  # Thai and Lao
    ("\u1000", "\u109f"),  # Myanmar
    ("\u1780", "\u17ff"),  # Khmer
)
