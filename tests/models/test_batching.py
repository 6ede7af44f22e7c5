"""Tests of `DynamicBatcher`, on an engine that computes when it is told to."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from gistwire_models.batching import DynamicBatcher
from gistwire_models.encoder import Priority
from gistwire_models.errors import (
    GistwireModelError,
    ModelOverloadedError,
    ModelUnavailableError,
    SummaryNotWrittenError,
)
from hypothesis import given
from hypothesis import strategies as st

THREAD_NAME = "test-batcher"


class HeldEngine:
    """Doubles strings; holds each batch in its thread until the test lets it go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.failure: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._begun: asyncio.Queue[None] = asyncio.Queue()
        self._permits = threading.Semaphore(0)

    def compute(self, items: Sequence[str]) -> list[str]:
        self.batches.append(list(items))
        self._loop.call_soon_threadsafe(self._begun.put_nowait, None)
        self._permits.acquire()
        if self.failure is not None:
            raise self.failure
        return [item * 2 for item in items]

    async def batch_begun(self) -> None:
        """Waits until one more batch is in its thread."""
        await self._begun.get()

    def let_go(self, batches: int = 1000) -> None:
        """Lets batches be finished, these and later ones."""
        self._permits.release(batches)


def make_batcher(
    engine: HeldEngine,
    *,
    max_batch_cost: int = 4,
    replicas: int = 1,
    ahead: int = 0,
    min_share_cost: int = 1,
    urgent: int = 8,
    ingest: int = 4,
) -> DynamicBatcher[str, str]:
    return DynamicBatcher(
        engine.compute,
        cost=len,
        max_batch_cost=max_batch_cost,
        replicas=replicas,
        ahead=ahead,
        min_share_cost=min_share_cost,
        max_urgent_waiting=urgent,
        max_ingest_waiting=ingest,
        name=THREAD_NAME,
    )


def submit(
    batcher: DynamicBatcher[str, str], *items: str, priority: Priority = Priority.QUERY
) -> asyncio.Task[list[str]]:
    return asyncio.create_task(batcher.submit(items, priority=priority))


async def settle() -> None:
    """Lets every task that can run go as far as it can, without waiting for a thread."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_concurrent_calls_share_a_batch_and_get_their_own_results() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine)
    engine.let_go()
    calls = [submit(batcher, "a"), submit(batcher, "b", "c"), submit(batcher, "d")]
    assert await asyncio.gather(*calls) == [["aa"], ["bb", "cc"], ["dd"]]
    assert engine.batches == [["a", "b", "c", "d"]]
    await batcher.close()


async def test_more_urgent_items_go_first_and_never_share_a_batch_with_others() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine)
    calls = [submit(batcher, "0")]
    await engine.batch_begun()
    calls += [
        submit(batcher, "i", "j", priority=Priority.INGEST),
        submit(batcher, "s", priority=Priority.SUMMARY),
        submit(batcher, "q"),
        submit(batcher, "r"),
    ]
    await settle()
    engine.let_go()
    await asyncio.gather(*calls)
    assert engine.batches == [["0"], ["q", "r"], ["s"], ["i", "j"]]
    await batcher.close()


async def test_a_batch_keeps_to_its_cost_and_takes_items_alike() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, max_batch_cost=8)
    first = submit(batcher, "0")
    await engine.batch_begun()
    rest = submit(batcher, "aaa", "b", "cccc", "ddd", "e", "f" * 20)
    await settle()
    engine.let_go()
    assert await rest == ["aaa" * 2, "bb", "cccc" * 2, "ddd" * 2, "ee", "f" * 40]
    assert engine.batches == [["0"], ["aaa", "ddd"], ["b", "e"], ["cccc"], ["f" * 20]]
    await first
    await batcher.close()


async def test_replicas_compute_at_once() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, max_batch_cost=1, replicas=2)
    call = submit(batcher, "a", "b", "c")
    await engine.batch_begun()
    await engine.batch_begun()
    assert len(engine.batches) == 2
    engine.let_go()
    assert await call == ["aa", "bb", "cc"]
    await batcher.close()


async def test_what_arrives_at_idle_replicas_is_shared_out_among_them() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, replicas=2)
    calls = [submit(batcher, item) for item in "abc"]
    await engine.batch_begun()
    await engine.batch_begun()
    assert sorted(map(len, engine.batches)) == [1, 2]
    engine.let_go()
    assert await asyncio.gather(*calls) == [["aa"], ["bb"], ["cc"]]
    await batcher.close()


async def test_what_is_shared_out_is_of_some_size() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, max_batch_cost=8, replicas=2, min_share_cost=3)
    calls = [submit(batcher, item) for item in "abcd"]
    await engine.batch_begun()
    await engine.batch_begun()
    assert sorted(engine.batches) == [["a", "b", "c"], ["d"]]
    engine.let_go()
    assert await asyncio.gather(*calls) == [["aa"], ["bb"], ["cc"], ["dd"]]
    await batcher.close()


async def test_a_batch_made_up_ahead_begins_without_the_event_loop() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, max_batch_cost=1, ahead=1)
    calls = [submit(batcher, item) for item in "abc"]
    await engine.batch_begun()
    engine.let_go(1)
    # The loop does not run meanwhile.
    while len(engine.batches) < 2:
        pass
    assert engine.batches == [["a"], ["b"]]
    engine.let_go()
    assert await asyncio.gather(*calls) == [["aa"], ["bb"], ["cc"]]
    await batcher.close()


async def test_a_busy_replica_is_left_its_share() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, replicas=2)
    calls = [submit(batcher, item) for item in "ab"]
    await engine.batch_begun()
    await engine.batch_begun()
    calls += [submit(batcher, item) for item in "cdefg"]
    await settle()
    engine.let_go(1)
    await engine.batch_begun()
    assert engine.batches[2:] == [["c", "d", "e"]]
    engine.let_go()
    await asyncio.gather(*calls)
    assert engine.batches[3:] == [["f", "g"]]
    await batcher.close()


async def test_no_batch_is_made_up_ahead_while_others_may_share_it() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, max_batch_cost=4, ahead=1)
    calls = [submit(batcher, "0")]
    await engine.batch_begun()
    calls.append(submit(batcher, "a"))
    await settle()
    calls.append(submit(batcher, "b"))
    await settle()
    engine.let_go()
    await asyncio.gather(*calls)
    assert engine.batches == [["0"], ["a", "b"]]
    await batcher.close()


async def test_too_many_urgent_items_are_refused() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, urgent=8)
    calls = [submit(batcher, "0")]
    await engine.batch_begun()
    # Nothing waits yet, so that even more than the maximum may come.
    calls.append(submit(batcher, *"abcdefghi", priority=Priority.SUMMARY))
    await settle()
    with pytest.raises(ModelOverloadedError) as refusal:
        await batcher.submit(["x"], priority=Priority.QUERY)
    assert refusal.value.retry_after_s > 0
    engine.let_go()
    await asyncio.gather(*calls)
    assert await batcher.submit(["x"], priority=Priority.QUERY) == ["xx"]
    await batcher.close()


async def test_what_goes_on_with_accepted_work_is_not_refused() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, urgent=1)
    calls = [submit(batcher, "0")]
    await engine.batch_begun()
    calls.append(submit(batcher, *"abc", priority=Priority.SUMMARY))
    await settle()
    going_on = asyncio.create_task(batcher.submit(["d"], priority=Priority.SUMMARY, admitted=True))
    with pytest.raises(ModelOverloadedError):
        await batcher.submit(["x"], priority=Priority.SUMMARY)
    engine.let_go()
    assert await going_on == ["dd"]
    await asyncio.gather(*calls)
    await batcher.close()


async def test_ingest_waits_for_room_instead() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, max_batch_cost=1, ingest=2, urgent=2)
    calls = [
        submit(batcher, *"abcdef", priority=Priority.INGEST),
        submit(batcher, "g", priority=Priority.INGEST),
    ]
    await engine.batch_begun()
    await settle()
    # It does not count against the readers.
    calls.append(submit(batcher, "q", "r"))
    await settle()
    engine.let_go()
    assert [await call for call in calls] == [["aa", "bb", "cc", "dd", "ee", "ff"], ["gg"], ["qq", "rr"]]
    assert engine.batches[:3] == [["a"], ["q"], ["r"]]
    await batcher.close()


@pytest.mark.parametrize("priority", list(Priority))
async def test_items_of_a_cancelled_call_are_not_computed(priority: Priority) -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, ingest=4)
    first = submit(batcher, "0", priority=priority)
    await engine.batch_begun()
    left = submit(batcher, *"abcdef", priority=priority)
    await settle()
    stays = submit(batcher, "g", "h", priority=priority)
    await settle()
    left.cancel()
    await settle()
    assert left.cancelled()
    engine.let_go()
    assert [await first, await stays] == [["00"], ["gg", "hh"]]
    assert engine.batches == [["0"], ["g", "h"]]
    # The room of the dropped items is free again.
    assert len(await batcher.submit(list("mnopqr"), priority=priority)) == 6
    await batcher.close()


async def test_cancelling_a_call_in_progress_spares_its_neighbour() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine)
    left, stays = submit(batcher, "a"), submit(batcher, "b")
    await engine.batch_begun()
    left.cancel()
    await settle()
    engine.let_go()
    assert await stays == ["bb"]
    await batcher.close()


async def test_a_failure_reaches_every_caller_of_the_batch_only() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, max_batch_cost=2)
    engine.failure = RuntimeError("out of memory")
    calls = [submit(batcher, "a"), submit(batcher, "b", "c")]
    await engine.batch_begun()
    await settle()
    engine.let_go()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(result) for result in results] == ["the engine failed: out of memory"] * 2
    assert all(isinstance(result, ModelUnavailableError) for result in results)
    assert results[0] is not results[1]
    engine.failure = None
    assert await batcher.submit(["d"], priority=Priority.QUERY) == ["dd"]
    await batcher.close()


async def test_a_wrong_number_of_results_is_a_failure() -> None:
    batcher = DynamicBatcher[str, str](lambda items: items[1:], cost=len, max_batch_cost=4)
    with pytest.raises(ModelUnavailableError, match="1 results came for 2 items"):
        await batcher.submit(["a", "b"], priority=Priority.QUERY)
    await batcher.close()


async def test_an_item_without_a_cost_takes_no_room() -> None:
    batcher = DynamicBatcher[str, str](
        lambda items: items, cost={"a": 1}.__getitem__, max_batch_cost=4, max_ingest_waiting=1
    )
    with pytest.raises(KeyError):
        await batcher.submit(["unknown"], priority=Priority.INGEST)
    assert await batcher.submit(["a"], priority=Priority.INGEST) == ["a"]
    await batcher.close()


async def test_closing_fails_whoever_waits_and_leaves_no_thread_or_task() -> None:
    engine = HeldEngine()
    batcher = make_batcher(engine, ingest=1)
    calls = [
        submit(batcher, "in progress"),
        submit(batcher, "waits"),
        submit(batcher, "waits", "waits for room", priority=Priority.INGEST),
        submit(batcher, "waits for room", priority=Priority.INGEST),
    ]
    await engine.batch_begun()
    await settle()
    closing = asyncio.create_task(batcher.close())
    await settle()
    assert all(isinstance(call.exception(), ModelUnavailableError) for call in calls)
    assert not closing.done()
    engine.let_go()
    await closing
    await batcher.close()
    with pytest.raises(ModelUnavailableError):
        await batcher.submit(["late"], priority=Priority.QUERY)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert engine.batches == [["in progress"]]


@given(
    calls=st.lists(
        st.tuples(st.sampled_from(Priority), st.lists(st.text("ab", min_size=1, max_size=9), max_size=12)),
        max_size=12,
    ),
    replicas=st.integers(1, 3),
)
def test_every_call_gets_its_results_in_order(calls: list[tuple[Priority, list[str]]], replicas: int) -> None:
    async def run() -> None:
        engine = HeldEngine()
        batcher = make_batcher(engine, max_batch_cost=12, replicas=replicas, urgent=1000, ingest=3)
        engine.let_go()
        results = await asyncio.gather(
            *(submit(batcher, *items, priority=priority) for priority, items in calls)
        )
        await batcher.close()
        assert results == [[item * 2 for item in items] for _, items in calls]
        assert sorted(item for batch in engine.batches for item in batch) == sorted(
            item for _, items in calls for item in items
        )
        assert all(len(batch) == 1 or len(batch) * max(map(len, batch)) <= 12 for batch in engine.batches)

    asyncio.run(run())


async def test_an_item_that_fails_in_a_batch_fails_its_call_alone() -> None:
    def compute(items: Sequence[str]) -> list[str | GistwireModelError]:
        return [SummaryNotWrittenError(item) if item.startswith("bad") else item * 2 for item in items]

    batcher = DynamicBatcher[str, str](compute, cost=len, max_batch_cost=100)
    calls = (["good"], ["bad"], ["fine", "bad, too"])
    submitted = (batcher.submit(items, priority=Priority.SUMMARY) for items in calls)
    results = await asyncio.gather(*submitted, return_exceptions=True)
    assert results[0] == ["goodgood"]
    assert [str(each) for each in results[1:]] == ["bad", "bad, too"]
    assert all(isinstance(each, SummaryNotWrittenError) for each in results[1:])
    await batcher.close()
