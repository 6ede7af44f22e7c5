"""`plain`: a text of the same length in which digits, dashes and full-width letters are ASCII, for rules to read."""

import sys
import unicodedata
from functools import cache


def plain(text: str) -> str:
    """Replaces digits of all scripts, full-width ASCII, dashes and no-break spaces by plain ASCII.

    Each character becomes exactly one, so that places in the result are places in the text.
    """
    return text if text.isascii() else text.translate(_table())


@cache
def _table() -> dict[int, str]:
    digits = {
        code: str(unicodedata.digit(chr(code)))
        for code in range(0x80, sys.maxunicode + 1)
        if unicodedata.category(chr(code)) == "Nd"
    }
    full_width = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    dashes = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")
    spaces = dict.fromkeys([0xA0, 0x2007, 0x2009, 0x202F, 0x3000], " ")
    return digits | full_width | dashes | spaces
