"""A clock that goes on only when somebody sleeps by it, or a test says so."""

import asyncio
from datetime import UTC, datetime, timedelta

from gistwire_indexer.crawler.clock import Clock

_FOREVER_S = 86_400.0


class ManualClock:
    """Keeps the time; `clock` is for the crawler. Sleeping takes no time but the clock's, and a day takes forever."""

    def __init__(self) -> None:
        self.time = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)
        self.slept_s: list[float] = []
        self.clock = Clock(now=lambda: self.time, monotonic_s=self._monotonic_s, sleep=self._sleep)
        self._start = self.time

    def advance(self, **duration: float) -> None:
        self.time += timedelta(**duration)

    def _monotonic_s(self) -> float:
        return (self.time - self._start).total_seconds()

    async def _sleep(self, seconds: float) -> None:
        if seconds >= _FOREVER_S:
            await asyncio.Event().wait()
        if seconds > 0:
            self.slept_s.append(seconds)
            self.advance(seconds=seconds)
        await asyncio.sleep(0)
