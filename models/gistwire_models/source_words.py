"""The words of an article as an uncased tokenizer cuts them, with case, accents and spacing; read by surface.py."""

import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tokenizers import Encoding

from gistwire_models.sentences import split_sentences

CONTINUATION = "##"
"""What a WordPiece token begins with that goes on with a word."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OPENING_QUOTES = frozenset("\"'“‘«„")
_MIN_STEM_LETTERS = 5
_MAX_ENDING_LETTERS = 3

_COMMON_OPENERS = _words(
    """
    a about according after again all almost also although among an and another any around as at because before
    both but by despite during each earlier even every experts few for four from he her here his how however if in
    instead it its last later least less many meanwhile more most much nearly neither no not now of officials on
    once one only or other our over people police prices researchers residents scientists several shares she since
    so some still such than that the their them then there these they this those though three to today two under
    until up was we were what when where whether which while who whose why with without workers yet you
    """
)
"""Words that often begin a sentence of news and are no names."""


class SourceWord(NamedTuple):
    """A word of the source.

    Attributes:
        key: as the model's vocabulary has it: lower case, without accents.
        text: as the article has it.
        gap: what stands between it and the word before: one space or nothing.
        initial: whether a sentence or a quotation begins with it.
        headline: whether it stands in the headline.
        sure: whether it would be written so anywhere; not at the beginning of a sentence or in a line of capitals.
    """

    key: str
    text: str
    gap: str
    initial: bool
    headline: bool
    sure: bool


class SourceWords:
    """The words of an article, by how the model knows them.

    Args:
        headline: the headline.
        headline_encoding: its tokens with their places in it.
        body: the text.
        body_encoding: its tokens with their places in it.

    Attributes:
        words: all words, those of the headline first.
    """

    def __init__(
        self, headline: str, headline_encoding: Encoding, body: str, body_encoding: Encoding
    ) -> None:
        self.words = [
            *_read_words(headline, headline_encoding, headline=True),
            *_read_words(body, body_encoding, headline=False),
        ]
        self._places: dict[str, list[int]] = {}
        self._gaps: dict[tuple[str, str], str] = {}
        self._sure_texts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for place, word in enumerate(self.words):
            self._places.setdefault(word.key, []).append(place)
            following = self.following(place)
            if following is not None:
                self._gaps.setdefault((word.key, self.words[following].key), self.words[following].gap)
            if word.sure:
                self._sure_texts[word.key][word.text] += 1

    def places(self, key: str) -> Sequence[int]:
        """Returns where a word stands, as places in `words`."""
        return self._places.get(key, ())

    def following(self, place: int) -> int | None:
        """Returns the place of the word after another; None at the end of the headline and of the body."""
        after = place + 1
        if after < len(self.words) and self.words[after].headline == self.words[place].headline:
            return after
        return None

    def gap_between(self, key: str, next_key: str) -> str | None:
        """Returns what stands between two words where the source has them side by side; None if it never has."""
        return self._gaps.get((key, next_key))

    def within_sentence(self, place: int) -> str:
        """Returns how the word at a place is written where no sentence begins."""
        word = self.words[place]
        if word.sure:
            return word.text
        if sure := self._sure_texts.get(word.key):
            return sure.most_common(1)[0][0]
        if _is_shouted(word.text):
            quieter = next((p for p in self.places(word.key) if not _is_shouted(self.words[p].text)), None)
            return word.text if quieter is None else self.within_sentence(quieter)
        # In a title every word has a capital, and a name in it would stand in the body, too.
        is_common = not word.initial or self._is_common(word.key)
        return word.text.lower() if is_common and word.text.istitle() and word.key != "i" else word.text

    def derived(self, key: str) -> str:
        """Writes a word that the source lacks: as the longest beginning of it that the source has, else as it is."""
        for length in range(len(key) - 1, _MIN_STEM_LETTERS - 2, -1):
            if places := self.places(key[:length]):
                return self.within_sentence(places[-1]) + key[length:]
        return key

    def _is_common(self, key: str) -> bool:
        """Tells whether a word is no name: a known one, or akin to one that the source has in lower case."""
        if key in _COMMON_OPENERS:
            return True
        stem = key[: max(_MIN_STEM_LETTERS, len(key) - _MAX_ENDING_LETTERS)]
        return len(stem) >= _MIN_STEM_LETTERS and any(
            other.startswith(stem)
            and len(other) <= len(stem) + _MAX_ENDING_LETTERS
            and any(text.islower() for text in texts)
            for other, texts in self._sure_texts.items()
        )


def _read_words(text: str, encoding: Encoding, *, headline: bool) -> Iterator[SourceWord]:
    """Yields the words of a text; pieces that the tokenizer cut a word into are joined again."""
    lines = deque((each.start, _case_says_nothing(each.text, headline)) for each in split_sentences(text))
    initial, uninformative = True, False
    opened, end = False, 0
    for key, start, stop in _spans(text, encoding):
        while lines and lines[0][0] <= start:
            initial, uninformative = True, lines.popleft()[1]
        gap = " " if not end or any(map(str.isspace, text[end:start])) else ""
        surface = _printable(text[start:stop]) or key
        quoted = opened and not gap
        sure = not (initial or quoted or uninformative)
        # A quotation begins as a sentence does; a title's words have capitals anyway.
        begins = initial or (quoted and not headline)
        yield SourceWord(key, surface, gap, begins, headline, sure)
        if surface[0].isalnum():
            initial = False
        # The apostrophe of "O'Neill" opens nothing.
        opened = surface in _OPENING_QUOTES and (gap == " " or quoted)
        end = stop


def _case_says_nothing(line: str, headline: bool) -> bool:
    """Tells whether a line is written in capitals, or a headline as a title."""
    words = [word for word in line.split() if len(word) > 3 and word.isalpha()]
    titled = headline and len(words) > 2 and all(word[0].isupper() for word in words)
    return titled or (line.isupper() and len(line.split()) > 1)


def _is_shouted(text: str) -> bool:
    return len(text) > 1 and text.isupper()


def _spans(text: str, encoding: Encoding) -> Iterator[tuple[str, int, int]]:
    """Yields each word's key, and where it begins and ends in the text."""
    tokens: Sequence[str] = encoding.tokens
    offsets: Sequence[tuple[int, int]] = encoding.offsets
    key, start, stop = "", 0, 0
    for token, (first, last) in zip(tokens, offsets, strict=True):
        if token.startswith(CONTINUATION) and key:
            key, stop = key + token.removeprefix(CONTINUATION), last
            continue
        if key:
            yield key, start, _with_marks(text, stop)
        key, start, stop = token, first, last
    if key:
        yield key, start, _with_marks(text, stop)


def _with_marks(text: str, stop: int) -> int:
    """Returns where the combining marks after a word end, which the tokenizer leaves out."""
    while stop < len(text) and unicodedata.combining(text[stop]):
        stop += 1
    return stop


def _printable(text: str) -> str:
    """Leaves out white space, control and format characters, as the tokenizer does."""
    if text.isalnum():
        return text
    return "".join(each for each in text if not each.isspace() and unicodedata.category(each)[0] != "C")
