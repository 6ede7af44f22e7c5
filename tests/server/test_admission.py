import asyncio

import pytest
from gistwire_server.admission import Admission
from gistwire_server.errors import OverloadedError


async def hold(admission: Admission, entered: asyncio.Event, leave: asyncio.Event) -> None:
    async with admission.admit():
        entered.set()
        await leave.wait()


async def test_one_works_one_waits_and_the_next_is_refused() -> None:
    admission = Admission("search", at_work=1, waiting=1, retry_after_s=2.0)
    entered, leave, second_entered = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold(admission, entered, leave))
        await entered.wait()
        tasks.create_task(hold(admission, second_entered, leave))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError) as refused:
            async with admission.admit():
                pytest.fail("admitted")
        assert refused.value.retry_after_s == 2.0
        assert not second_entered.is_set()
        leave.set()
    assert second_entered.is_set()


async def test_a_place_is_given_back_after_failure_and_cancellation() -> None:
    admission = Admission("search", at_work=1, waiting=0)
    with pytest.raises(RuntimeError):
        async with admission.admit():
            raise RuntimeError
    entered = asyncio.Event()
    holding = asyncio.create_task(hold(admission, entered, asyncio.Event()))
    await entered.wait()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    async with admission.admit():
        pass
