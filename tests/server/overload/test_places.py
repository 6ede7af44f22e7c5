"""Tests of `Places`: so many work, so many wait, and the rest is refused."""

import asyncio

import pytest
from gistwire_server.errors import OverloadedError
from gistwire_server.overload.places import Places


async def hold(places: Places, entered: asyncio.Event, leave: asyncio.Event) -> None:
    async with places.admit():
        entered.set()
        await leave.wait()


async def test_one_works_one_waits_and_the_next_is_refused() -> None:
    places = Places("watch", at_work=1, waiting=1, retry_after_s=2.0)
    entered, leave, second_entered = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold(places, entered, leave))
        await entered.wait()
        tasks.create_task(hold(places, second_entered, leave))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError) as refused:
            async with places.admit():
                pytest.fail("admitted")
        assert refused.value.retry_after_s == 2.0
        assert not second_entered.is_set()
        assert places.in_use == 2
        leave.set()
    assert second_entered.is_set()
    assert places.in_use == 0


async def test_a_place_is_given_back_after_failure_and_cancellation() -> None:
    places = Places("watch", at_work=1, waiting=0)
    with pytest.raises(RuntimeError):
        async with places.admit():
            raise RuntimeError
    entered = asyncio.Event()
    holding = asyncio.create_task(hold(places, entered, asyncio.Event()))
    await entered.wait()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    async with places.admit():
        pass


async def test_who_waited_as_long_as_they_may_is_refused() -> None:
    places = Places("watch", at_work=1, waiting=1)
    async with places.admit():
        with pytest.raises(OverloadedError):
            async with places.admit(max_wait_s=0.01):
                pytest.fail("admitted")
    async with places.admit(max_wait_s=0.0):
        pass


async def test_a_timeout_of_the_work_itself_is_none_of_the_wait() -> None:
    places = Places("watch", at_work=1, waiting=0)
    with pytest.raises(TimeoutError):
        async with places.admit(max_wait_s=60.0):
            raise TimeoutError
