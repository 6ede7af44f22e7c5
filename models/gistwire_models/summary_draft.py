"""A summary on its way from the engine's thread to the event loop; written and read by the local summarizer."""

import asyncio
import threading
from contextlib import suppress

from gistwire_models.draft_pieces import DraftPieces
from gistwire_models.source_words import SourceWords
from gistwire_models.surface import SurfaceWriter

_ELLIPSIS = "…"


class Draft:
    """A draft that one thread writes and the event loop reads. Made in the loop that reads it.

    Args:
        words: the article's words, to copy the writing from.

    Attributes:
        abandoned: set when nobody waits for it any more.
    """

    def __init__(self, words: SourceWords) -> None:
        self.abandoned = threading.Event()
        self._writer = SurfaceWriter(words)
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self._gathering = DraftPieces()

    def add(self, token: str) -> None:
        """Takes the next token, in the engine's thread."""
        if piece := self._gathering.add(self._writer.write(token)):
            self._put(piece)

    def finish(self, *, complete: bool) -> str:
        """Says that no token follows, in the engine's thread, and returns the whole text."""
        ending = "" if complete else _ELLIPSIS
        if rest := self._gathering.rest() + self._writer.finish() + ending:
            self._put(rest)
        self._put(None)
        return self._writer.text + ending if self._writer.text else ""

    def abandon(self) -> None:
        """Says that nobody waits any more, in the event loop; the engine stops at the next token."""
        self.abandoned.set()
        self._pieces.put_nowait(None)

    async def next_text(self) -> str | None:
        """Waits for the next piece of text; None when none follows."""
        return await self._pieces.get()

    def _put(self, text: str | None) -> None:
        # The loop is closed already where a program ends without closing the summarizer.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, text)
