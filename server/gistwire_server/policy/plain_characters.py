"""`plain`: a text of the same length in which digits, dashes and full-width letters are ASCII, for rules to read."""

import unicodedata

_END_OF_BASIC_PLANE = 0xFFFF
_SPACES = frozenset("\u00a0\u2007\u2009\u202f\u3000")
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212")


class _PlainCharacters(dict[int, str]):
    """What stands for each character, found out when it is first met: for all there are that takes 0.2 s and more."""

    def __missing__(self, code: int) -> str:
        found = _plain_character(chr(code))
        # Of the million beyond nobody writes many, unless to fill the memory.
        if code <= _END_OF_BASIC_PLANE:
            self[code] = found
        return found


_PLAIN = _PlainCharacters()


def plain(text: str) -> str:
    """Replaces digits of all scripts, full-width ASCII, dashes and no-break spaces by plain ASCII.

    Each character becomes exactly one, so that places in the result are places in the text.
    """
    return text if text.isascii() else text.translate(_PLAIN)


def _plain_character(character: str) -> str:
    if character in _SPACES:
        return " "
    if character in _DASHES:
        return "-"
    if 0xFF01 <= ord(character) <= 0xFF5E:
        return chr(ord(character) - 0xFEE0)
    if not character.isascii() and unicodedata.category(character) == "Nd":
        return str(unicodedata.digit(character))
    return character
