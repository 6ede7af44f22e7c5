"""Where simulated work is done: `Cores`, which share themselves among all, `Station`, and `BatchStation`."""

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

_ROUNDING_S = 1e-12


class Cores:
    """Cores that share themselves evenly among all that runs, as an operating system's fair scheduler has it.

    Processor sharing: of n threads each runs at full speed if there are n cores, else at the n-th part of all.

    Args:
        count: how many.
    """

    def __init__(self, count: float) -> None:
        self._count = count
        # Seconds of work that a thread has had done that ran all the time.
        self._attained_s = 0.0
        self._updated = 0.0
        self._running: list[tuple[float, int, asyncio.Future[None]]] = []
        self._begun = 0
        self._timer: asyncio.TimerHandle | None = None
        self.busy_s = 0.0

    async def use(self, work_s: float) -> None:
        """Takes so many seconds of a core; returns when they are done."""
        if work_s <= 0:
            return
        loop = asyncio.get_running_loop()
        self._update(loop.time())
        done: asyncio.Future[None] = loop.create_future()
        self._begun += 1
        heapq.heappush(self._running, (self._attained_s + work_s, self._begun, done))
        self._schedule(loop)
        await done

    def _speed(self) -> float:
        return min(1.0, self._count / len(self._running)) if self._running else 0.0

    def _update(self, now: float) -> None:
        passed_s = now - self._updated
        self._attained_s += passed_s * self._speed()
        self.busy_s += passed_s * min(self._count, len(self._running))
        self._updated = now

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._running:
            left_s = max(0.0, self._running[0][0] - self._attained_s)
            self._timer = loop.call_at(self._updated + left_s / self._speed(), self._finish, loop)

    def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._update(loop.time())
        while self._running and self._running[0][0] <= self._attained_s + _ROUNDING_S * max(
            1.0, self._attained_s
        ):
            _, _, done = heapq.heappop(self._running)
            if not done.done():
                done.set_result(None)
        self._schedule(loop)


class Station:
    """Threads that take what waits in the order in which it came; each takes a core while it works.

    Args:
        threads: how many.
        cores: which they run on.
    """

    def __init__(self, threads: int, cores: Cores) -> None:
        self._free = asyncio.Semaphore(threads)
        self._cores = cores
        self.waiting = 0

    async def serve(self, work_s: float) -> None:
        """Waits for a thread, and for its work of so many seconds; `waiting` counts those that are not done."""
        self.waiting += 1
        try:
            async with self._free:
                await self._cores.use(work_s)
        finally:
            self.waiting -= 1


class BatchStation:
    """Threads that take several of what waits at once, as `DynamicBatcher` does for items of equal cost.

    Args:
        threads: how many.
        max_batch: most that is taken at once.
        cores: which they run on.
        work_s: seconds of a core that a batch of so many takes, given how long each takes by itself.
    """

    def __init__(
        self, threads: int, max_batch: int, cores: Cores, work_s: Callable[[list[float]], float]
    ) -> None:
        self._threads = self._idle = threads
        self._in_progress = 0
        self._max_batch = max_batch
        self._cores = cores
        self._work_s = work_s
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, work_s: float) -> None:
        """Waits until a batch is done that this is in."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((work_s, done))
        # All that comes in the same moment shares batches.
        loop.call_soon(self._dispatch)
        await done

    def _dispatch(self) -> None:
        # Who was not patient enough has left.
        self._waiting = deque(each for each in self._waiting if not each[1].done())
        while self._idle and self._waiting:
            share = math.ceil((len(self._waiting) + self._in_progress) / self._threads)
            size = min(self._max_batch, share, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            self._idle -= 1
            self._in_progress += size
            task = asyncio.get_running_loop().create_task(self._compute(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _compute(self, batch: list[tuple[float, asyncio.Future[None]]]) -> None:
        await self._cores.use(self._work_s([work_s for work_s, _ in batch]))
        self._idle += 1
        self._in_progress -= len(batch)
        for _, done in batch:
            if not done.done():
                done.set_result(None)
        self._dispatch()


class Tasks:
    """What goes on beside a search, and is waited for in the end."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, work: Coroutine[Any, Any, None]) -> None:
        """Begins something."""
        self._tasks.append(asyncio.create_task(work))

    async def ended(self) -> None:
        """Waits until all that was begun has ended."""
        await asyncio.gather(*self._tasks)
