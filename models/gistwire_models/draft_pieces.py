"""Gathers a draft, word by word, into the pieces that are sent: `DraftPieces`, in the torch engine's thread."""

import math
import time
from collections.abc import Callable

SEND_EACH_S = 0.02
"""Shortest pause between two pieces of a draft, in seconds: nobody sees more than 25 pictures a second, so that twice
as many pieces are seen as well as any number, while each wakes the event loop, for which the engine's threads then
wait, and costs both sides of the wire."""


class DraftPieces:
    """The first word is a piece at once, later ones are gathered until the pause is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begins with nothing.

        Args:
            clock: seconds, from any beginning.
        """
        self._clock = clock
        self._gathered = ""
        self._send_at = -math.inf

    def add(self, text: str) -> str:
        """Takes what was written next; returns the piece to send now, which is often empty."""
        self._gathered += text
        if not self._gathered or (now := self._clock()) < self._send_at:
            return ""
        self._send_at = now + SEND_EACH_S
        return self.rest()

    def rest(self) -> str:
        """Returns what is gathered, as nothing follows, or not soon; may be empty."""
        gathered, self._gathered = self._gathered, ""
        return gathered
