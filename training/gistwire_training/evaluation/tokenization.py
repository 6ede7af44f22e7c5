"""The words of a text, for all scripts: what the metrics of an evaluation count."""

import re
import unicodedata
from functools import cache

from gistwire_server.text_overlap import CJK, normalize
from rouge_score.tokenizers import DefaultTokenizer

_CJK_CHARACTER = re.compile(f"[{CJK}]")
_STEMMED_LANGUAGES = frozenset({"en", "und"})


class _TokenCharacters(dict[int, str]):
    """For `str.translate`: leaves words standing, sets CJK characters apart, makes all else a space."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if _CJK_CHARACTER.match(character):
            kept = f" {character} "
        # Vowel signs of Indic scripts are marks: without them their words would fall apart.
        elif character.isalnum() or unicodedata.category(character).startswith("M"):
            kept = character
        else:
            kept = " "
        self[code] = kept
        return kept


_TOKEN_CHARACTERS = _TokenCharacters()


def tokenize(text: str) -> list[str]:
    """Splits a text into words and numbers in lower case, Chinese, Japanese and Korean into characters.

    On ASCII text these are the tokens of Google's ``rouge-score``. Scripts that are written without spaces,
    other than CJK, are not split.
    """
    return normalize(text).lower().translate(_TOKEN_CHARACTERS).split()


def tokenize_stemmed(text: str, language: str) -> list[str]:
    """Splits a text as `tokenize` does, and stems English words as ``rouge-score`` does.

    Args:
        text: any text.
        language: ISO 639-1 code; words in Latin letters are stemmed if it is ``"en"`` or ``"und"``.
    """
    tokens = tokenize(text)
    return [_stem(token) for token in tokens] if language in _STEMMED_LANGUAGES else tokens


def count_words(text: str) -> int:
    """Counts the words of a text, parted by white space, and each CJK character for itself."""
    pieces = _CJK_CHARACTER.sub(r" \g<0> ", text).split()
    return sum(any(map(str.isalnum, piece)) for piece in pieces)


@cache
def _english_stemmer() -> DefaultTokenizer:
    return DefaultTokenizer(use_stemmer=True)


@cache
def _stem(token: str) -> str:
    if not token.isascii():
        return token
    (stem,) = _english_stemmer().tokenize(token)
    return str(stem)
