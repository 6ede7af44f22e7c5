"""A fixed number of places for calls of one kind, such as watches: `Places`, and a clear refusal for the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gistwire_server.errors import OverloadedError


class Places:
    """Admits calls of one kind that hold what is scarce for them alone.

    Not grpc.aio's `maximum_concurrent_rpcs`, which cannot tell kinds of calls apart, lets none wait, and could be
    bypassed (grpc issue 41531).

    Args:
        name: of the kind, for the refusal.
        at_work: calls that may hold a place at a time.
        waiting: calls that may wait for one.
        retry_after_s: when a call that is refused should come back, in seconds.
    """

    def __init__(self, name: str, *, at_work: int, waiting: int, retry_after_s: float = 1.0) -> None:
        self._name = name
        self._at_work = at_work
        self._may_wait = waiting
        self._retry_after_s = retry_after_s
        self._places = asyncio.Semaphore(at_work)
        self._inside = 0

    @property
    def in_use(self) -> int:
        """Calls that hold a place or wait for one."""
        return self._inside

    @asynccontextmanager
    async def admit(self, *, max_wait_s: float | None = None) -> AsyncIterator[None]:
        """Waits for a place, holds it while the block runs, and gives it back.

        Args:
            max_wait_s: longest wait, in seconds; None if the caller ends it.

        Raises:
            OverloadedError: too many wait already, or no place became free in time.
        """
        if self._inside >= self._at_work + self._may_wait:
            raise self._refusal()
        self._inside += 1
        try:
            try:
                async with asyncio.timeout(max_wait_s):
                    await self._places.acquire()
            except TimeoutError as late:
                raise self._refusal() from late
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._inside -= 1

    def _refusal(self) -> OverloadedError:
        return OverloadedError(
            f"{self._inside} {self._name} calls are under way or waiting", retry_after_s=self._retry_after_s
        )
