"""Which hits of a search come first to the cores that summaries are written on: `FirstWords`."""

import asyncio
from contextlib import suppress


class FirstWords:
    """Holds back the other hits of a search until something of the first ones can be read.

    Where a model writes on the cores of this process, making eight more articles ready takes them from the first word
    that a reader waits for, by a quarter of its time, and these articles wait for the engine then, all the same. With
    several searches at once the first articles of each go to the engine before the rest of those that began with it.

    Args:
        ahead: hits that do not wait; None if none has to.
    """

    def __init__(self, ahead: int | None) -> None:
        self._ahead = ahead or 0
        self._came = asyncio.Event()
        if ahead is None:
            self._came.set()

    async def turn(self, timeout_s: float) -> None:
        """Waits until a hit may be made ready; the first may at once, and all may after the timeout, in seconds."""
        if self._ahead:
            self._ahead -= 1
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._came.wait()

    def come(self) -> None:
        """Lets all others go on: something of a hit can be read, or nothing will be written of it."""
        self._came.set()
