"""Whether a text that leaves words of its source out still hangs together; called by scoring.py.

A copying summarizer takes runs of words from its article. Where two runs meet, the first must end where a phrase ends
in the article, and the second begin where one begins: "closed all five container / at Brackwater" does not. That
needs no parser: a phrase ends before a function word or a mark, and begins with one or after one.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from gistwire_models.sentences import split_sentences

from gistwire_server.text_overlap import normalize

_TOKEN = re.compile(r"\w+(?:'\w+)*|\.{3}|[^\w\s\"“”„«»]")
_SENTENCE_ENDS = frozenset({".", "!", "?", "..."})
_CLOSERS = frozenset("')]")
"""Marks that may follow a sentence's stop."""
_VOWEL = re.compile(r"[aeiou8]|1[18](?!\d)")
"""How a word begins before which "an" stands; "hour" and "one" are left to the source."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTION_WORDS = _words(
    """
    a about above across after against all along also although amid among an and another any are around as at be
    because been before being below between both but by can could despite did do does down due during each either
    even every except for from had has have he her his how if in including inside into is it its itself just may
    might more most must near neither no nor not of off on once one only onto or other out outside over own per she
    should since so some such than that the their them then there these they this those though three through to
    today together too toward towards two under unless until up upon was we were what when where whether which while
    who whom whose why will with within without would yesterday yet you your
    monday tuesday wednesday thursday friday saturday sunday
    """
)
"""Words that stand between phrases, and days, which news puts between them."""

_DETERMINERS = _words(
    "a an the this these those its their his her our your my some any each every no another"
)
"""Words that a noun follows: after a verb they begin what it is done to."""

_JOIN = 0.01
_INSERTION = 0.02
"""Costs beside a broken place's 1: among ways to read a text as copied, the one with the longest runs is taken."""

_MAX_TOKENS = 700
"""Words and marks of an article that are looked at: no summarizer reads more than 510 pieces of words."""
_CHARACTERS_PER_TOKEN = 8
_MAX_PLACES = 64
"""Places of one word where a run may begin, so that an article of one word takes hardly longer than others."""
_MAX_READINGS = 16
"""Readings that are followed at once, the least broken ones."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A way to read the beginning of a summary as copied from the source.

    Attributes:
        cost: what is wrong with it.
        broken: numbers of the summary's tokens before which it is broken.
    """

    cost: float
    broken: tuple[int, ...] = ()

    def then(self, cost: float, at: int, *, is_broken: bool = False) -> "_Reading":
        broken = (*self.broken, at) if is_broken else self.broken
        return _Reading(self.cost + cost + is_broken, broken)


class _Ends(IntEnum):
    """Whether what is left out after a word of the source can be."""

    NEVER = 0
    BEFORE_DETERMINER = 1
    ALWAYS = 2


class _PutIn(IntEnum):
    """What was last put in since the last copied token; numbers, as these have the faster hash."""

    NOTHING = 0
    MARK = 1
    STOP = 2
    WORD = 3


_State = tuple[int, _PutIn]
"""Place in the source of the last copied token, -1 before the first, and what was put in since."""


class JoinIndex:
    """An English article prepared for looking at several summaries of it. CPU work of a few milliseconds.

    Its beginning is: whole sentences of 700 words and marks together at most.
    """

    def __init__(self, headline: str, body: str) -> None:
        """Prepares the article.

        Args:
            headline: the headline; may be empty.
            body: the text.
        """
        self._tokens: list[str] = []
        self._starts: list[int] = []
        for text in (headline, *_first_sentences(body)):
            tokens = _tokens(text)
            if len(self._tokens) + len(tokens) > _MAX_TOKENS:
                break
            if tokens:
                self._starts.append(len(self._tokens))
                self._tokens += tokens
        self._beginnings = frozenset(self._starts)
        self._places: dict[str, list[int]] = {}
        for place, token in enumerate(self._tokens):
            self._places.setdefault(token, []).append(place)
        self._pairs = frozenset(pairwise(self._tokens))
        places = range(len(self._tokens))
        self._sentences = [bisect_right(self._starts, place) for place in places]
        self._begins = [self._begins_phrase(place) for place in places]
        self._ends = [self._phrase_end(place) for place in places]

    def broken_places(self, summary: str) -> list[str]:
        """Returns the two words at each place where a summary falls apart; none if it hangs together.

        CPU work of one or two milliseconds; of a tenth of a second where the article repeats one word.
        """
        tokens = _tokens(summary)
        readings: dict[_State, _Reading] = {(-1, _PutIn.NOTHING): _Reading(0.0)}
        for number, token in enumerate(tokens):
            extended = self._read(readings, number, token)
            best = sorted(extended.items(), key=lambda each: each[1].cost)[:_MAX_READINGS]
            readings = dict(best)
        whole = min(
            (
                reading.then(0.0, len(tokens), is_broken=not self._ends_phrase(place))
                for (place, _), reading in readings.items()
            ),
            key=lambda reading: reading.cost,
        )
        wrong = {*whole.broken, *self._wrong_articles(tokens), *self._wrong_marks(tokens)}
        return [" ".join(tokens[max(0, number - 1) : number + 1]) for number in sorted(wrong)]

    def _read(self, readings: dict[_State, _Reading], number: int, token: str) -> dict[_State, _Reading]:
        """Extends each reading by a token: copied from each place where the source has it, or put in."""
        extended: dict[_State, _Reading] = {}

        def offer(state: _State, reading: _Reading, cost: float, *, is_broken: bool) -> None:
            # Most of what is offered is no better than what is there: it is made only if it is.
            known = extended.get(state)
            if known is None or reading.cost + cost + is_broken < known.cost:
                extended[state] = reading.then(cost, number, is_broken=is_broken)

        cannot_be_put_in = not (_is_mark(token) or token in _FUNCTION_WORDS)
        kind = _kind(token)
        places = self._places.get(token, [])[:_MAX_PLACES]
        for (place, put_in), reading in readings.items():
            offer((place, kind), reading, _INSERTION, is_broken=cannot_be_put_in)
            following = place + 1 if place >= 0 else None
            if following is not None and self._tokens[following : following + 1] == [token]:
                offer((following, _PutIn.NOTHING), reading, 0.0, is_broken=False)
            for copied in places:
                if copied != following:
                    good = self._may_follow(place, copied, put_in)
                    offer((copied, _PutIn.NOTHING), reading, _JOIN, is_broken=not good)
        return extended

    def _may_follow(self, place: int, copied: int, put_in: _PutIn) -> bool:
        """Tells whether what stands at `copied` may go on from what stands at `place`.

        Within a sentence words may be left out; parts of two sentences need a word or a stop between them.
        """
        if not self._begins[copied]:
            return False
        if place < 0:
            return True
        if not self._ends_phrase(place, before=self._tokens[copied]):
            return False
        if self._sentences[place] == self._sentences[copied]:
            return copied > place
        return put_in in {_PutIn.WORD, _PutIn.STOP} or self._tokens[place] in _SENTENCE_ENDS

    def _ends_phrase(self, place: int, *, before: str = ".") -> bool:
        """Tells whether what is left out after `place` can be, so that `before` stands there instead."""
        if place < 0 or self._ends[place] is _Ends.ALWAYS:
            return True
        return self._ends[place] is _Ends.BEFORE_DETERMINER and before in _DETERMINERS

    def _phrase_end(self, place: int) -> _Ends:
        if place + 1 == len(self._tokens) or place + 1 in self._beginnings:
            return _Ends.ALWAYS
        if _is_boundary(self._tokens[place]):
            return _Ends.ALWAYS
        left_out = self._tokens[place + 1]
        if not _is_boundary(left_out):
            return _Ends.NEVER
        return _Ends.BEFORE_DETERMINER if left_out in _DETERMINERS else _Ends.ALWAYS

    def _begins_phrase(self, place: int) -> bool:
        if place in self._beginnings:
            return True
        return _is_boundary(self._tokens[place]) or _is_boundary(self._tokens[place - 1])

    def _wrong_articles(self, tokens: list[str]) -> Iterator[int]:
        """Yields where "a" stands before a vowel or "an" before a consonant, unless the source has it so."""
        for number, (article, word) in enumerate(pairwise(tokens), start=1):
            if article in {"a", "an"} and not _is_mark(word):
                wanted = "an" if _VOWEL.match(word) else "a"
                if article != wanted and not self._has_pair(article, word):
                    yield number

    def _wrong_marks(self, tokens: list[str]) -> Iterator[int]:
        """Yields where two marks meet that do not in the source, and the end of a text that has no stop."""
        for number, (first, second) in enumerate(pairwise(tokens), start=1):
            if _is_mark(first) and _is_mark(second) and not self._has_pair(first, second):
                yield number
        last = next((token for token in reversed(tokens) if token not in _CLOSERS), ".")
        if last not in _SENTENCE_ENDS:
            yield len(tokens)

    def _has_pair(self, first: str, second: str) -> bool:
        return (first, second) in self._pairs


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(normalize(text).casefold())


def _first_sentences(body: str) -> Iterator[str]:
    """Yields the sentences of a body's beginning, but not one that the limit cuts."""
    beginning = body[: _MAX_TOKENS * _CHARACTERS_PER_TOKEN]
    sentences = [sentence.text for sentence in split_sentences(beginning, "en")]
    yield from sentences if len(beginning) == len(body) else sentences[:-1]


def _kind(token: str) -> _PutIn:
    if token in _SENTENCE_ENDS:
        return _PutIn.STOP
    return _PutIn.MARK if _is_mark(token) else _PutIn.WORD


def _is_mark(token: str) -> bool:
    return not (token[0].isalnum() or token[0] == "_")


def _is_boundary(token: str) -> bool:
    return token in _FUNCTION_WORDS or _is_mark(token)
