"""Tests of the loop whose clock jumps."""

import asyncio
import time

import pytest

from benchmarks.capacity.virtual_time import run_in_virtual_time


def test_hours_pass_at_once_and_in_order() -> None:
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((name, round(asyncio.get_running_loop().time(), 6)))

    async def main() -> float:
        await asyncio.gather(sleep("late", 7_200.0), sleep("early", 0.5), sleep("between", 3_600.25))
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run_in_virtual_time(main()) == pytest.approx(7_200.0)
    assert woken == [("early", 0.5), ("between", 3_600.25), ("late", 7_200.0)]
    assert time.monotonic() - began < 60


def test_timeouts_are_those_of_the_virtual_clock() -> None:
    async def main() -> None:
        async with asyncio.timeout(10.0):
            await asyncio.sleep(20.0)

    with pytest.raises(TimeoutError):
        run_in_virtual_time(main())


def test_tasks_that_wait_for_each_other_are_an_error() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="nothing can happen"):
        run_in_virtual_time(main())
