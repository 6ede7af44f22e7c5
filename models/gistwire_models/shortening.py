"""Cuts a text to a number of tokens, where a reader would pause; for sentences too long for a summary."""

from collections.abc import Callable

from gistwire_models.deferred_pattern import deferred_pattern

_ELLIPSIS = "…"

# No text has longer tokens than this on average; spares counting those of a whole book.
_MAX_CHARACTERS_PER_TOKEN = 16

_CLAUSE_END = deferred_pattern(r"[;；](?=\s|$|[^\W\d_])|(?<=[^\d\s])[,，](?=\s|[^\W\d_])|\s[–—]\s")


def shorten(text: str, *, max_tokens: int, count_tokens: Callable[[str], int]) -> str:
    """Cuts a text to at most so many tokens, and ends it with "…".

    The cut is after a clause if that uses more than half of the room, else after a word.

    Args:
        text: one line of text, longer than `max_tokens`.
        max_tokens: the limit, "…" included.
        count_tokens: tokens of a text.
    """
    room = _longest_prefix(text, max_tokens - count_tokens(_ELLIPSIS), count_tokens)
    clause_ends = [match.start() for match in _CLAUSE_END.finditer(text, 0, room)]
    if clause_ends and clause_ends[-1] > room // 2:
        return text[: clause_ends[-1]].rstrip() + _ELLIPSIS
    word_end = text.rfind(" ", 0, room + 1)
    return text[: word_end if word_end > room // 2 else room].rstrip(" ,;:，；：") + _ELLIPSIS


def _longest_prefix(text: str, max_tokens: int, count_tokens: Callable[[str], int]) -> int:
    """Returns how many characters from the start make up to so many tokens."""
    low, high = 0, min(len(text), max(0, max_tokens) * _MAX_CHARACTERS_PER_TOKEN)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(text[:middle]) <= max_tokens:
            low = middle
        else:
            high = middle - 1
    return low
