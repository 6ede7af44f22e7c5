"""Tests of `LoopLag`: what it says of a loop that is free, and of one that is held up."""

import asyncio
import time
from collections.abc import Callable

from gistwire_server.overload.loop_lag import LoopLag


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def test_a_loop_that_is_held_up_is_late_and_recovers() -> None:
    lag = LoopLag()
    lag.measure(lambda: True)
    time.sleep(0.3)  # noqa: ASYNC251  # holds the loop up
    # Overdue before it was measured.
    assert lag.seconds >= 0.25
    await reached(lambda: lag.seconds < 0.02)


async def test_it_measures_as_long_as_that_is_wanted() -> None:
    asked = 0

    def three_times() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    lag = LoopLag()
    assert lag.seconds == 0
    lag.measure(three_times)
    await reached(lambda: asked == 3)
    time.sleep(0.1)  # noqa: ASYNC251
    assert lag.seconds == 0
    lag.measure(three_times)
    await reached(lambda: asked == 4)
