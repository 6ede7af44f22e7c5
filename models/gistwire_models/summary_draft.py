"""A summary on its way from the engine's thread to the event loop; written and read by the local summarizer."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from gistwire_models.source_words import SourceWords
from gistwire_models.surface import SurfaceWriter

ROUND_EACH_S = 0.04
"""Pause between two rounds, in seconds: nobody sees more than 25 pictures a second, or reads more than some words,
while each piece of each draft costs the event loop some tenths of a millisecond, in which no engine's thread gets on
with its Python, and both sides of the wire their share."""

_ELLIPSIS = "…"


class DraftRounds:
    """Goes round the drafts that have begun, and takes what each has gathered to its reader.

    One timer for all drafts of an event loop, which runs while there are any: however many there are and however fast
    they are written, the loop is woken once for each round, and for each draft when it begins and when it ends.

    Args:
        each_s: pause between two rounds, in seconds.
    """

    def __init__(self, each_s: float = ROUND_EACH_S) -> None:
        self._each_s = each_s
        self._drafts: set[Draft] = set()
        self._next: asyncio.TimerHandle | None = None

    @property
    def is_going(self) -> bool:
        """Whether another round follows."""
        return self._next is not None

    def join(self, draft: "Draft") -> None:
        """Goes to this draft from now on, too. Called in the event loop, as all of these are."""
        self._drafts.add(draft)
        if self._next is None:
            self._schedule()

    def leave(self, draft: "Draft") -> None:
        """Goes to this draft no more."""
        self._drafts.discard(draft)
        if not self._drafts and self._next is not None:
            self._next.cancel()
            self._next = None

    def go_round(self) -> None:
        """Takes what there is to the readers."""
        for draft in self._drafts:
            draft.deliver()

    def _schedule(self) -> None:
        self._next = asyncio.get_running_loop().call_later(self._each_s, self._go_on)

    def _go_on(self) -> None:
        self.go_round()
        self._schedule()


class Draft:
    """A draft that one thread writes and the event loop reads. Made in the loop that reads it.

    The first word and the end are told at once, what comes between in rounds.

    Args:
        words: the article's words, to copy the writing from.
        rounds: in which rounds; None for its own.
        is_read: whether the text is read while it is written; else only its end is told.

    Attributes:
        abandoned: set when nobody waits for it any more.
    """

    def __init__(
        self, words: SourceWords, rounds: DraftRounds | None = None, *, is_read: bool = True
    ) -> None:
        self.abandoned = threading.Event()
        self._writer = SurfaceWriter(words)
        self._loop = asyncio.get_running_loop()
        self._rounds = rounds or DraftRounds()
        self._is_read = is_read
        self._begun = False
        self._written: deque[str] = deque()
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def add(self, token: str) -> None:
        """Takes the next token, in the engine's thread."""
        text = self._writer.write(token)
        if not text or not self._is_read:
            return
        self._written.append(text)
        if not self._begun:
            self._begun = True
            self._tell(self._begin)

    def finish(self, *, complete: bool) -> str:
        """Says that no token follows, in the engine's thread, and returns the whole text."""
        rest = self._writer.finish()
        ending = "" if complete or not self._writer.text else _ELLIPSIS
        if self._is_read and rest + ending:
            self._written.append(rest + ending)
        self._tell(self._end)
        return self._writer.text + ending

    def abandon(self) -> None:
        """Says that nobody waits any more, in the event loop; the engine stops at the next token."""
        self.abandoned.set()
        self._end()

    def deliver(self) -> None:
        """Takes to the reader what was written since, in the event loop."""
        pieces = []
        # The other thread may append meanwhile.
        while self._written:
            pieces.append(self._written.popleft())
        if pieces:
            self._pieces.put_nowait("".join(pieces))

    async def next_text(self) -> str | None:
        """Waits for the next piece of text; None when none follows."""
        return await self._pieces.get()

    def _tell(self, what: Callable[[], None]) -> None:
        # The loop is closed already where a program ends without closing the summarizer.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what)

    def _begin(self) -> None:
        self.deliver()
        if not self.abandoned.is_set():
            self._rounds.join(self)

    def _end(self) -> None:
        self._rounds.leave(self)
        self.deliver()
        self._pieces.put_nowait(None)
