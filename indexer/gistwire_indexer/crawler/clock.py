"""`Clock`: the time as the crawler knows it, so that its tests need not wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells the time and lets it pass.

    Attributes:
        now: the time of day, in UTC; what is planned beyond a restart is planned by it.
        monotonic_s: seconds since some moment; never goes back.
        sleep: waits for so many seconds.
    """

    now: Callable[[], datetime] = _utc_now
    monotonic_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
