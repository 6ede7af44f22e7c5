"""`LoopLag`: how late the event loop wakes what is due, by which admission knows that the loop has no time left."""

import asyncio
from collections.abc import Callable

_INTERVAL_S = 0.01
_GAIN = 0.25


class LoopLag:
    """Measures how late the event loop is, as long as somebody wants to know.

    What is admitted is bounded by its cost, most of which is that of models. Where these run elsewhere, or where
    little is left of each call, the loop is what runs out first: each of its callbacks waits for all others, those
    that refuse calls, too.
    """

    def __init__(self) -> None:
        self._smoothed_s = 0.0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def seconds(self) -> float:
        """How late it is: a moving mean, or by how much the next measurement is overdue if that is more."""
        if self._timer is None:
            return 0.0
        return max(self._smoothed_s, asyncio.get_running_loop().time() - self._due)

    def measure(self, wanted: Callable[[], bool]) -> None:
        """Goes on measuring for as long as a function returns True; it is called after each measurement."""
        if self._timer is None:
            self._smoothed_s = 0.0
            self._schedule(wanted)

    def _schedule(self, wanted: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + _INTERVAL_S
        self._timer = loop.call_at(self._due, self._take, wanted)

    def _take(self, wanted: Callable[[], bool]) -> None:
        late_s = asyncio.get_running_loop().time() - self._due
        self._smoothed_s += _GAIN * (late_s - self._smoothed_s)
        self._schedule(wanted)
        if not wanted() and self._timer is not None:
            self._timer.cancel()
            self._timer = None
