"""Collects the items of concurrent calls into batches for an engine; LocalEncoder computes through it."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from gistwire_models.encoder import Priority
from gistwire_models.errors import GistwireModelError, ModelOverloadedError, ModelUnavailableError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Among this many waiting items the ones most alike in cost share a batch.
_SIMILARITY_WINDOW = 64

_MIN_RETRY_AFTER_S = 0.05

# Weight of the latest batch in the moving estimate of the time that a unit of cost takes.
_ESTIMATE_WEIGHT = 0.1


@dataclass(eq=False, slots=True)
class _Call(Generic[Result]):
    """What one caller waits for: `ended` is resolved when no result is missing, or with an error."""

    missing: int
    ended: asyncio.Future[None]
    results: dict[int, Result] = field(default_factory=dict)
    error: GistwireModelError | None = None

    def deliver(self, place: int, result: Result) -> None:
        self.results[place] = result
        self.missing -= 1
        if not self.missing:
            self._end()

    def fail(self, error: GistwireModelError) -> None:
        self.error = self.error or error
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


@dataclass(frozen=True, eq=False, slots=True)
class _Waiting(Generic[Item, Result]):
    """One item that waits, and where its result goes."""

    call: _Call[Result]
    place: int
    item: Item
    cost: int


class DynamicBatcher(Generic[Item, Result]):
    """Computes items of concurrent calls in shared batches, in threads of its own.

    A batch holds items of one priority, the most urgent that wait. The longest waiting item is always in it;
    the other places go to the items most alike in cost among the next 64, as padding to equal length is
    wasted work. What arrives at an idle batcher is computed at once, together with what else arrives in the
    same pass of the event loop. So an item waits for more urgent ones, for earlier ones, and for the end of
    one batch in progress.

    QUERY and SUMMARY items are refused when too many wait; INGEST callers wait for room instead. As long as
    urgent items keep every replica busy, INGEST items do not proceed.

    Serves one event loop.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Item]], Sequence[Result | GistwireModelError]],
        *,
        cost: Callable[[Item], int],
        max_batch_cost: int,
        replicas: int = 1,
        ahead: int = 0,
        min_share_cost: int = 1,
        max_urgent_waiting: int = 1024,
        max_ingest_waiting: int = 512,
        name: str = "batcher",
    ) -> None:
        """Sets up the batcher; threads start with the first batch.

        Args:
            compute: computes a batch, in a thread, into one result for each item, in order; an error in place of one
                fails the call that the item is of, and no other.
            cost: what computing an item costs, at least 1, in any unit, such as tokens.
            max_batch_cost: largest batch, as number of items × cost of the dearest. A dearer item goes alone.
            replicas: number of batches computed at once.
            ahead: number of full batches made up before a replica is free, so that it need not wait for the event
                loop to have one; what is more urgent then waits for these, too.
            min_share_cost: what waits is shared out among replicas in batches of this cost at least, as far as there
                is as much: a batch costs something however small it is.
            max_urgent_waiting: number of waiting QUERY and SUMMARY items beyond which more are refused.
            max_ingest_waiting: number of waiting INGEST items beyond which callers wait for room.
            name: prefix of the threads' names.
        """
        self._compute = compute
        self._cost = cost
        self._max_batch_cost = max_batch_cost
        self._replicas = replicas
        self._ahead = ahead
        self._min_share_cost = min_share_cost
        self._max_urgent_waiting = max_urgent_waiting
        self._ingest_room = asyncio.Semaphore(max_ingest_waiting)
        self._queues: dict[Priority, deque[_Waiting[Item, Result]]] = {p: deque() for p in Priority}
        self._running: set[asyncio.Future[Sequence[Result | GistwireModelError]]] = set()
        self._in_progress = 0
        self._calls: set[_Call[Result]] = set()
        self._executor = ThreadPoolExecutor(replicas, thread_name_prefix=name)
        self._dispatch_scheduled = False
        self._estimated_s_per_cost = 0.0
        self._closed = False

    async def submit(
        self, items: Sequence[Item], *, priority: Priority, admitted: bool = False
    ) -> list[Result]:
        """Computes items, in batches shared with other calls.

        Cancelling the call drops its items that still wait.

        Args:
            items: what is computed; may be empty.
            priority: which of the waiting items go first.
            admitted: whether they go on with what was accepted before, and are never refused for want of room.

        Returns:
            One result for each item, in order.

        Raises:
            ModelOverloadedError: too many QUERY and SUMMARY items wait. If none wait, any number is accepted.
            ModelUnavailableError: the batcher was closed, or computing failed.
        """
        if self._closed:
            raise ModelUnavailableError("the engine was closed")
        if not items:
            return []
        if priority is not Priority.INGEST and not admitted:
            self._check_not_overloaded(len(items))
        call = _Call[Result](len(items), asyncio.get_running_loop().create_future())
        self._calls.add(call)
        try:
            await self._enqueue(call, items, priority)
            await call.ended
        finally:
            self._calls.discard(call)
            if call.missing:
                self._drop_waiting(call, priority)
        if call.error is not None:
            raise call.error
        return [call.results[place] for place in range(len(items))]

    async def close(self) -> None:
        """Fails the calls that wait with ModelUnavailableError and ends the threads; may be called twice.

        A batch in progress cannot be interrupted: closing waits for its end.
        """
        self._closed = True
        for call in self._calls:
            call.fail(ModelUnavailableError("the engine was closed"))
        # The first that waits for room wakes, sees that its call has ended, and wakes the next.
        self._ingest_room.release()
        if self._running:
            await asyncio.wait(self._running)
        # Every thread is idle by now, so that this does not block.
        self._executor.shutdown()

    def _check_not_overloaded(self, arriving: int) -> None:
        urgent = (self._queues[Priority.QUERY], self._queues[Priority.SUMMARY])
        count = sum(map(len, urgent))
        if not count or count + arriving <= self._max_urgent_waiting:
            return
        cost = sum(waiting.cost for queue in urgent for waiting in queue)
        raise ModelOverloadedError(
            f"{count} texts wait and {arriving} more arrive; the maximum is {self._max_urgent_waiting}",
            retry_after_s=max(_MIN_RETRY_AFTER_S, cost * self._estimated_s_per_cost / self._replicas),
        )

    async def _enqueue(self, call: _Call[Result], items: Sequence[Item], priority: Priority) -> None:
        for place, item in enumerate(items):
            waiting = _Waiting(call, place, item, self._cost(item))
            if priority is Priority.INGEST:
                await self._ingest_room.acquire()
                if call.ended.done():
                    self._ingest_room.release()
                    return
            self._queues[priority].append(waiting)
            self._schedule_dispatch()

    def _drop_waiting(self, call: _Call[Result], priority: Priority) -> None:
        queue = self._queues[priority]
        kept = [waiting for waiting in queue if waiting.call is not call]
        if priority is Priority.INGEST:
            self._release_ingest_room(len(queue) - len(kept))
        queue.clear()
        queue.extend(kept)

    def _release_ingest_room(self, places: int) -> None:
        for _ in range(places):
            self._ingest_room.release()

    def _schedule_dispatch(self) -> None:
        if not self._dispatch_scheduled:
            self._dispatch_scheduled = True
            # In the next pass, so that all calls of the present one share a batch.
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatch_scheduled = False
        while len(self._running) < self._replicas + self._ahead and not self._closed:
            priority = next((priority for priority in Priority if self._queues[priority]), None)
            if priority is None:
                return
            waiting = self._queues[priority]
            if len(self._running) >= self._replicas and not self._fill_a_batch(waiting):
                # Until a replica is free others may come to share the batch.
                return
            # Halves, at once or one soon after the other, are done sooner than a whole beside an idle replica.
            share = math.ceil((len(waiting) + self._in_progress) / self._replicas)
            self._start(self._take_batch(priority, share))

    def _fill_a_batch(self, waiting: Sequence[_Waiting[Item, Result]]) -> bool:
        """Whether so many wait that each replica would have a batch that is full."""
        dearest = max(each.cost for each in islice(waiting, _SIMILARITY_WINDOW))
        return len(waiting) * dearest > self._replicas * self._max_batch_cost

    def _take_batch(self, priority: Priority, share: int) -> list[_Waiting[Item, Result]]:
        queue = self._queues[priority]
        first = queue.popleft()
        window = [queue.popleft() for _ in range(min(_SIMILARITY_WINDOW, len(queue)))]
        batch, dearest, cost = [first], first.cost, first.cost
        for waiting in sorted(window, key=lambda waiting: abs(waiting.cost - first.cost)):
            dearest = max(dearest, waiting.cost)
            is_share = len(batch) >= share and cost >= self._min_share_cost
            if is_share or (len(batch) + 1) * dearest > self._max_batch_cost:
                break
            batch.append(waiting)
            cost += waiting.cost
        taken = set(batch)
        queue.extendleft(waiting for waiting in reversed(window) if waiting not in taken)
        if priority is Priority.INGEST:
            self._release_ingest_room(len(batch))
        return batch

    def _start(self, batch: list[_Waiting[Item, Result]]) -> None:
        started = time.monotonic()
        items = [waiting.item for waiting in batch]
        computed = asyncio.get_running_loop().run_in_executor(self._executor, self._compute_all, items)
        self._running.add(computed)
        self._in_progress += len(batch)

        def finish(computed: asyncio.Future[Sequence[Result | GistwireModelError]]) -> None:
            self._running.discard(computed)
            self._in_progress -= len(batch)
            self._update_estimate(batch, time.monotonic() - started)
            _resolve(batch, computed)
            self._dispatch()

        computed.add_done_callback(finish)

    def _compute_all(self, items: Sequence[Item]) -> Sequence[Result | GistwireModelError]:
        results = self._compute(items)
        if len(results) != len(items):
            raise ValueError(f"{len(results)} results came for {len(items)} items")
        return results

    def _update_estimate(self, batch: list[_Waiting[Item, Result]], elapsed_s: float) -> None:
        s_per_cost = elapsed_s / sum(waiting.cost for waiting in batch)
        weight = _ESTIMATE_WEIGHT if self._estimated_s_per_cost else 1.0
        self._estimated_s_per_cost += weight * (s_per_cost - self._estimated_s_per_cost)


def _resolve(
    batch: list[_Waiting[Item, Result]], computed: asyncio.Future[Sequence[Result | GistwireModelError]]
) -> None:
    error = computed.exception()
    if error is None:
        for waiting, result in zip(batch, computed.result(), strict=True):
            if isinstance(result, GistwireModelError):
                waiting.call.fail(result)
            else:
                waiting.call.deliver(waiting.place, result)
        return
    for waiting in batch:
        # One error for each call, as callers that raise the same one would lengthen each other's traceback.
        failure = ModelUnavailableError(f"the engine failed: {error}")
        failure.__cause__ = error
        waiting.call.fail(failure)
