"""`printable`: makes text from a server or a source safe to show in a terminal; `escaped`: likewise JSON."""

import json
import unicodedata
from functools import lru_cache

# They join letters in Persian and the parts of an emoji, and move nothing.
_JOINERS = "\u200c\u200d"

_SEPARATORS = frozenset("\t\n\v\f\r\x85\u2028\u2029")


def printable(text: str) -> str:
    """Turns text into one line that can do nothing to a terminal but appear in it.

    Control characters (which begin escape sequences), bidirectional controls (which reorder what stands
    beside them: Unicode TR #36) and other invisible characters are removed; line breaks and tabs become
    spaces.
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_printable_character, text))


def folded(text: str) -> str:
    """As `printable`, with runs of white space folded to one space and none at the ends."""
    return " ".join(printable(text).split())


def escaped(line: str) -> str:
    """A line of JSON in which what `printable` would remove is escaped, so that it means the same."""
    # Outside its strings JSON has printable ASCII only.
    return line if line.isascii() and line.isprintable() else "".join(map(_escaped_character, line))


@lru_cache(maxsize=4096)
def _escaped_character(character: str) -> str:
    return character if _printable_character(character) == character else json.dumps(character)[1:-1]


@lru_cache(maxsize=4096)
def _printable_character(character: str) -> str:
    if character in _SEPARATORS:
        return " "
    if character in _JOINERS:
        return character
    # Control, format, surrogate, private use and unassigned: what cannot be seen, or is anyone's guess.
    return "" if unicodedata.category(character).startswith("C") else character
