"""Writes an uncased model's words as its source has them: case, accents and spacing; used by the local summarizer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tokenizers import Encoding

_LOOKAHEAD = 2
"""Words seen ahead before one is written: with them a copied phrase is told from a lone word."""

_NO_SPACE_BEFORE = frozenset(".,;:!?%)]}…’”")
_NO_SPACE_AFTER = frozenset("([{$£€“‘/")
_JOINERS = frozenset("-–/'")
_SENTENCE_ENDS = frozenset(".!?")
_CONTINUATION = "##"


@dataclass(frozen=True, slots=True)
class _SourceWord:
    """A word of the source.

    Attributes:
        key: as the model's vocabulary has it: lower case, without accents.
        text: as the article has it.
        gap: what stands between it and the word before, at most one space.
        initial: whether it begins a sentence, so that its capital says nothing.
        headline: whether it stands in the headline.
    """

    key: str
    text: str
    gap: str
    initial: bool
    headline: bool


class SourceWords:
    """The words of an article, by how the model knows them.

    Args:
        headline: the headline.
        headline_encoding: its tokens with their places in it.
        body: the text.
        body_encoding: its tokens with their places in it.
    """

    def __init__(
        self, headline: str, headline_encoding: Encoding, body: str, body_encoding: Encoding
    ) -> None:
        self.words = [
            *_words(headline, headline_encoding, headline=True),
            *_words(body, body_encoding, headline=False),
        ]
        self.places: dict[str, list[int]] = {}
        self._capitalized: dict[str, bool] = {}
        for place, word in enumerate(self.words):
            self.places.setdefault(word.key, []).append(place)
            if not word.initial and not word.headline and word.text[:1].isalpha():
                # One use in lower case shows that it is no name.
                known = self._capitalized.get(word.key, True)
                self._capitalized[word.key] = known and word.text[:1].isupper()

    def within_sentence(self, word: _SourceWord) -> str:
        """Returns how a word is written where no sentence begins."""
        plain = word.text[:1].isupper() and word.text[1:] == word.text[1:].lower()
        if plain and (word.initial or word.headline) and not self._capitalized.get(word.key, True):
            return word.text.lower()
        return word.text


@dataclass(slots=True)
class SurfaceWriter:
    """Turns word pieces into text as they come; what was written never changes.

    Attributes:
        source: the words to copy the writing from.
        text: what is written so far.
    """

    source: SourceWords
    text: str = ""
    _pending: list[str] = field(default_factory=list)
    _place: int | None = None

    def write(self, piece: str) -> str:
        """Takes the next word piece, and returns what can be written now; often nothing yet."""
        if piece.startswith(_CONTINUATION) and self._pending:
            self._pending[-1] += piece.removeprefix(_CONTINUATION)
            return ""
        self._pending.append(piece.removeprefix(_CONTINUATION))
        # The last word may still grow, so it is not one of those seen ahead.
        return self._flush(keep=_LOOKAHEAD + 1)

    def finish(self) -> str:
        """Returns what is left to be written."""
        return self._flush(keep=0)

    def _flush(self, keep: int) -> str:
        before = len(self.text)
        while len(self._pending) > keep:
            key = self._pending.pop(0)
            self._append(key)
        return self.text[before:]

    def _append(self, key: str) -> None:
        place = self._find(key)
        if place is None:
            word, gap = self._unknown(key), self._gap(key)
        else:
            source_word = self.source.words[place]
            follows = self._place is not None and place == self._place + 1 and not source_word.initial
            gap = source_word.gap if follows and self.text else self._gap(source_word.text)
            word = self.source.within_sentence(source_word)
        if self._begins_sentence():
            word = word[:1].upper() + word[1:]
        self.text += (gap if self.text else "") + word
        self._place = place

    def _find(self, key: str) -> int | None:
        """Returns where the source has the word: next to the last one, or where most of what follows agrees."""
        words = self.source.words
        if self._place is not None and self._place + 1 < len(words) and words[self._place + 1].key == key:
            return self._place + 1
        places = self.source.places.get(key, ())
        return max(places, key=self._agreement, default=None)

    def _agreement(self, place: int) -> float:
        words = self.source.words
        agreed = 0
        for offset, key in enumerate(self._pending[:_LOOKAHEAD], start=1):
            if place + offset >= len(words) or words[place + offset].key != key:
                break
            agreed += 1
        return agreed - 0.5 * words[place].headline - 0.25 * words[place].initial - 1e-4 * place

    def _unknown(self, key: str) -> str:
        """Returns a word that the source does not have, in the case of the one it is derived from."""
        for length in range(len(key) - 1, 3, -1):
            for place in self.source.places.get(key[:length], ()):
                return self.source.within_sentence(self.source.words[place]) + key[length:]
        return key

    def _gap(self, word: str) -> str:
        if word[:1] in _NO_SPACE_BEFORE or self.text[-1:] in _NO_SPACE_AFTER:
            return ""
        if word[:1] in _JOINERS and len(word) == 1:
            return ""
        return "" if self.text[-1:] in _JOINERS and not self.text[-2:-1].isspace() else " "

    def _begins_sentence(self) -> bool:
        return not self.text or (self.text[-1] in _SENTENCE_ENDS and (self._place is None or self._ended()))

    def _ended(self) -> bool:
        """Tells whether the stop written last ended a sentence of the source, too."""
        assert self._place is not None  # noqa: S101 (asked only after a copied word)
        following = self._place + 1
        return following >= len(self.source.words) or self.source.words[following].initial


def _words(text: str, encoding: Encoding, *, headline: bool) -> Iterator[_SourceWord]:
    """Yields the words of a text; pieces that the tokenizer split off a word are joined again."""
    end = 0
    initial = True
    for key, start, stop in _spans(encoding):
        gap = " " if text[end:start].strip() != text[end:start] or end == 0 else ""
        if "\n" in text[end:start]:
            initial = True
        surface = text[start:stop]
        yield _SourceWord(key, surface, gap, initial, headline)
        if surface[-1:] in _SENTENCE_ENDS:
            initial = _sentence_ends(text, stop)
        elif surface[:1].isalnum():
            initial = False
        end = stop


def _sentence_ends(text: str, stop: int) -> bool:
    """Tells whether a stop is followed by white space and a capital, a figure or a quote."""
    rest = text[stop : stop + 3]
    return not rest.strip() or (rest[:1].isspace() and not rest.lstrip()[:1].islower())


def _spans(encoding: Encoding) -> Iterator[tuple[str, int, int]]:
    tokens: Sequence[str] = encoding.tokens
    offsets: Sequence[tuple[int, int]] = encoding.offsets
    key, start, stop = "", 0, 0
    for token, (first, last) in zip(tokens, offsets, strict=True):
        if token.startswith(_CONTINUATION) and key:
            key, stop = key + token.removeprefix(_CONTINUATION), last
            continue
        if key:
            yield key, start, stop
        key, start, stop = token, first, last
    if key:
        yield key, start, stop
