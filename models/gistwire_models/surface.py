"""Writes an uncased model's words as its source has them: case, accents and spacing; used by the local summarizer."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gistwire_models.source_words import CONTINUATION, SourceWords

_LOOKAHEAD = 2
"""Words seen ahead before one is written: with them a copied phrase is told from a lone word."""

_NO_SPACE_BEFORE = frozenset(".,;:!?%)]}…’”'-–/")
_NO_SPACE_AFTER = frozenset("([{$£€“‘")
_JOINERS = frozenset("-–/")
_APOSTROPHES = frozenset("'’")
_CLITICS = frozenset({"s", "t", "d", "m", "re", "ve", "ll"})
"""What stands after an apostrophe in English: "it's", "don't", "they've"."""

_NUMBER_MARKS = frozenset(".,:")
_SENTENCE_ENDS = frozenset(".!?")

_CONTINUES = 1.5
"""Worth of going on where the last word was copied, in words seen ahead that agree."""
_IN_HEADLINE = 0.5
_UNSURE = 0.25
_PER_PLACE = 1e-4
"""What a place loses as its case is less sure, and as it stands later, in the same unit."""


@dataclass(slots=True)
class SurfaceWriter:
    """Turns word pieces into text as they come; what was written never changes.

    Attributes:
        source: the words to copy the writing from.
        text: what is written so far; the first word may be told before it is written here.
    """

    source: SourceWords
    text: str = ""
    _pending: list[str] = field(default_factory=list)
    _place: int | None = None
    _key: str = ""
    _copied: bool = False
    _begins: bool = True
    _told: int = 0

    def write(self, piece: str) -> str:
        """Takes the next word piece, and returns what can be written now; often nothing yet."""
        if piece.startswith(CONTINUATION) and self._pending:
            self._pending[-1] += piece.removeprefix(CONTINUATION)
            return ""
        self._pending.append(piece.removeprefix(CONTINUATION))
        if len(self._pending) == 2 and not self.text and (beginning := self._certain_beginning()):
            self._told = len(beginning)
            return beginning
        # The last word may still grow, so it is not one of those seen ahead.
        return self._flush(keep=_LOOKAHEAD + 1)

    def finish(self) -> str:
        """Returns what is left to be written."""
        return self._flush(keep=0)

    def _flush(self, keep: int) -> str:
        while len(self._pending) > keep:
            self._append(self._pending.pop(0))
        told, self._told = self._told, max(self._told, len(self.text))
        return self.text[told:]

    def _certain_beginning(self) -> str:
        """Returns the first word and the space after it, which a reader waits for, if they are sure to be written so.

        They are if the source writes the word in one way, and nowhere joins to it a word that the second may become.
        """
        first, second = self._pending
        places = self.source.places(first)
        words = {_capitalized(self._word(first, place)) for place in places or (None,)}
        after = (self.source.following(place) for place in places)
        following = (self.source.words[place] for place in after if place is not None)
        joined = any(not word.gap and word.key.startswith(second) for word in following)
        word = words.pop()
        certain = not words and not joined and word[:1].isalnum() and second[:1].isalnum()
        return f"{word} " if certain else ""

    def _word(self, key: str, place: int | None) -> str:
        """Returns how a word is written within a sentence, as at a place of the source; None if it is not there."""
        if place is not None:
            return self.source.within_sentence(place)
        return "I" if key == "i" else self.source.derived(key)

    def _append(self, key: str) -> None:
        following = self._following(key)
        place = self._find(key, following)
        word = self._word(key, place)
        if self._sentence_ended(key, following):
            self._begins = True
        gap = self._gap(key, following)
        if word[:1].isalnum():
            word = _capitalized(word) if self._begins else word
            self._begins = False
        self.text += (gap if self.text else "") + word
        self._place, self._key, self._copied = place, key, following is not None

    def _following(self, key: str) -> int | None:
        """Returns the place after the word written last, if the source goes on with this one there."""
        after = None if self._place is None else self.source.following(self._place)
        return after if after is not None and self.source.words[after].key == key else None

    def _find(self, key: str, following: int | None) -> int | None:
        """Returns where the source has the word: where most of what was written and of what follows agrees."""

        def worth(place: int) -> float:
            word = self.source.words[place]
            return (
                self._agreement(place)
                + _CONTINUES * (place == following)
                - _IN_HEADLINE * word.headline
                - _UNSURE * (not word.sure)
                - _PER_PLACE * place
            )

        return max(self.source.places(key), key=worth, default=None)

    def _agreement(self, place: int) -> int:
        """Counts the words seen ahead that the source has after a place."""
        after: int | None = place
        for agreed, key in enumerate(self._pending[:_LOOKAHEAD]):
            after = self.source.following(after) if after is not None else None
            if after is None or self.source.words[after].key != key:
                return agreed
        return min(len(self._pending), _LOOKAHEAD)

    def _gap(self, key: str, following: int | None) -> str:
        """Returns what stands before a word: as in the source where it is copied, else by the rules of English."""
        # A mark out of the middle of a number does not join what follows it to a word.
        is_figure = key[:1].isdigit() and not self.text[-2:-1].isdigit()
        if following is not None and not (is_figure and not self._copied and self._key in _NUMBER_MARKS):
            return self.source.words[following].gap
        if self._key in _NUMBER_MARKS:
            return "" if self._within_number(key) or self._within_initials(key) else _default_gap(key)
        known = self.source.gap_between(self._key, key)
        if known is not None:
            return known
        if self._key in _APOSTROPHES:
            return "" if key in _CLITICS and not self._is_spaced() else _default_gap(key)
        joined = self._key in _NO_SPACE_AFTER or (self._key in _JOINERS and not self._is_spaced())
        return "" if joined else _default_gap(key)

    def _is_spaced(self) -> bool:
        """Tells whether white space stands before the mark written last."""
        return self.text[-2:-1].isspace()

    def _within_number(self, key: str) -> bool:
        """Tells whether a mark and digits go on with a number: "3.1", "1,250", "9:30"."""
        if not self.text[-2:-1].isdigit() or not key[:1].isdigit():
            return False
        return self._key != "," or len(key) == 3

    def _within_initials(self, key: str) -> bool:
        """Tells whether a letter goes on with others that have full stops: "U.S."."""
        alone = self.text[-2:-1].isalpha() and not self.text[-3:-2].isalnum()
        return self._key == "." and alone and len(key) == 1 and key.isalpha()

    def _sentence_ended(self, key: str, following: int | None) -> bool:
        """Tells whether the stop that was written last ended a sentence."""
        if self._key not in _SENTENCE_ENDS:
            return False
        if following is not None:
            return self.source.words[following].initial
        if self._within_number(key) or self._within_initials(key):
            return False
        if not self._copied or self._place is None or self.text[-2:-1].isdigit():
            return True
        after = self.source.following(self._place)
        return after is None or self.source.words[after].initial


def restore(pieces: Iterable[str], source: SourceWords) -> str:
    """Writes all word pieces of a text."""
    writer = SurfaceWriter(source)
    for piece in pieces:
        writer.write(piece)
    writer.finish()
    return writer.text


def _capitalized(word: str) -> str:
    """A word as a sentence begins with it; one that has capitals of its own is left as it is."""
    return word[:1].upper() + word[1:] if word.islower() else word


def _default_gap(key: str) -> str:
    return "" if key[:1] in _NO_SPACE_BEFORE else " "
