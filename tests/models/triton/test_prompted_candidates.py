"""Tests of the candidates after the first of `PromptedSummarizer`, on servers that write what they are told."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest
import structlog
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.summarizer import DraftDelta
from gistwire_models.triton import PromptedSummarizer

from tests.models.summarizer_contract import make_request, summarize
from tests.models.triton.engines import make_prompted, settings_for, until
from tests.models.triton.fake_triton import FakeTriton


@pytest.fixture
def server(servers: list[FakeTriton]) -> FakeTriton:
    return servers[0]


@pytest.fixture
async def prompted(server: FakeTriton, closing: Callable[[Any], Any]) -> PromptedSummarizer:
    prompted: PromptedSummarizer = closing(make_prompted(settings_for([server], timeout_s=600)))
    return prompted


def written(seed: int) -> list[str]:
    return ["Text of seed", f" {seed}."]


def further_tasks() -> list[asyncio.Task[Any]]:
    """Tasks that wait for candidates after the first."""
    return [task for task in asyncio.all_tasks() if "_write_further" in str(task.get_coro())]


async def test_all_are_written_at_once_and_stand_in_the_order_of_their_seeds(
    server: FakeTriton, prompted: PromptedSummarizer
) -> None:
    came = [asyncio.Event() for _ in range(4)]

    async def write(seed: int) -> list[str]:
        came[seed].set()
        # Each is written once the next has come: the last first.
        if 0 < seed < 3:
            await came[seed + 1].wait()
        return written(seed)

    server.writes_by_seed = write
    async with asyncio.timeout(30):
        draft, found = await summarize(prompted, make_request(candidates=4))
    texts = [candidate.text for candidate in found.candidates]
    assert texts == [f"Text of seed {seed}." for seed in range(4)]
    assert draft == texts[0]


async def test_the_draft_begins_before_the_others_and_waits_for_none_of_them(
    server: FakeTriton, prompted: PromptedSummarizer
) -> None:
    begin, go_on = asyncio.Event(), asyncio.Event()

    async def write(seed: int) -> list[str]:
        await (go_on if seed else begin).wait()
        return written(seed)

    server.writes_by_seed = write
    events = prompted.summarize(make_request(candidates=3))
    first = asyncio.ensure_future(anext(events))
    await until(lambda: server.streams == 1)
    # Time enough for more to come.
    await asyncio.sleep(0.05)
    assert server.streams == 1
    begin.set()
    assert [await first, await anext(events)] == [DraftDelta("Text of seed"), DraftDelta(" 0.")]
    await until(lambda: server.streams == 3)
    last = asyncio.ensure_future(anext(events))
    go_on.set()
    candidates = await last
    assert not isinstance(candidates, DraftDelta)
    assert len(candidates.candidates) == 3
    await events.aclose()


async def test_one_that_fails_is_left_out(server: FakeTriton, prompted: PromptedSummarizer) -> None:
    async def write(seed: int) -> list[str]:
        if seed in (1, 3):
            raise RuntimeError
        return written(seed)

    server.writes_by_seed = write
    with structlog.testing.capture_logs() as log:
        draft, found = await summarize(prompted, make_request(candidates=4))
    assert draft == "Text of seed 0."
    assert [candidate.text for candidate in found.candidates] == ["Text of seed 0.", "Text of seed 2."]
    failed = [line["seed"] for line in log if line["event"] == "prompted_candidate_failed"]
    assert sorted(failed) == [1, 3]


async def test_those_that_are_refused_cost_nothing_but_themselves(
    server: FakeTriton, prompted: PromptedSummarizer
) -> None:
    async def write(seed: int) -> list[str]:
        server.status = grpc.StatusCode.RESOURCE_EXHAUSTED
        return written(seed)

    server.writes_by_seed = write
    _, found = await summarize(prompted, make_request(candidates=3))
    assert [candidate.text for candidate in found.candidates] == ["Text of seed 0."]
    assert server.probes == 0


async def test_those_that_take_too_long_do_not_cost_the_reader_the_draft(
    server: FakeTriton, prompted: PromptedSummarizer
) -> None:
    async def write(seed: int) -> list[str]:
        if seed == 2:
            await asyncio.Event().wait()
        return written(seed)

    server.writes_by_seed = write
    # As a search does: what has not come when the time is over is not waited for.
    async with asyncio.timeout(1):
        _, found = await summarize(prompted, replace(make_request(candidates=3), timeout_s=1))
    assert [candidate.text for candidate in found.candidates] == ["Text of seed 0.", "Text of seed 1."]
    await until(lambda: server.cancelled == 1)


async def test_none_is_asked_for_when_the_time_is_nearly_over(
    server: FakeTriton, prompted: PromptedSummarizer
) -> None:
    timeout_s = 1.0

    async def write(seed: int) -> list[str]:
        await asyncio.sleep(0.92 * timeout_s)
        return written(seed)

    server.writes_by_seed = write
    try:
        _, found = await summarize(prompted, replace(make_request(candidates=3), timeout_s=timeout_s))
    except ModelUnavailableError:
        # The machine was so busy that it was too late for the draft as well.
        pass
    else:
        assert len(found.candidates) == 1
    assert server.streams == 1


async def test_the_failure_of_the_draft_stops_the_others(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    prompted = closing(make_prompted(settings_for(servers, timeout_s=600)))
    for server in servers:
        server.gate.clear()
    events = prompted.summarize(make_request(candidates=2))
    assert await anext(events) == DraftDelta("Oil")
    draft_at, other_at = servers
    await until(lambda: other_at.streams == 1)
    await draft_at.kill()
    async with asyncio.timeout(30):
        with pytest.raises(ModelUnavailableError):
            while True:
                await anext(events)
    assert not further_tasks()
    await until(lambda: other_at.cancelled == 1)


@pytest.mark.parametrize("draft_is_complete", [False, True])
async def test_who_leaves_stops_them_all(
    server: FakeTriton, prompted: PromptedSummarizer, draft_is_complete: bool
) -> None:
    async def write(seed: int) -> list[str]:
        if seed or not draft_is_complete:
            server.gate.clear()
        return written(seed)

    server.writes_by_seed = write
    events = prompted.summarize(make_request(candidates=3))
    assert isinstance(await anext(events), DraftDelta)
    await until(lambda: server.streams == 3)
    if draft_is_complete:
        # Leaves while only the others are waited for.
        async def read_on() -> None:
            async for _ in events:
                pass

        reading = asyncio.create_task(read_on())
        await asyncio.sleep(0.05)
        reading.cancel()
        async with asyncio.timeout(30):
            await asyncio.gather(reading, return_exceptions=True)
    else:
        async with asyncio.timeout(30):
            await events.aclose()
    await until(lambda: server.cancelled == 3 - draft_is_complete)
    assert not further_tasks()
