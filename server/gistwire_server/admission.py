"""Who may enter: a bounded number of calls at work, a bounded number waiting, and a clear refusal for the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gistwire_server.errors import OverloadedError


class Admission:
    """Admits calls of one kind.

    An own semaphore, because grpc.aio's `maximum_concurrent_rpcs` cannot tell kinds of calls apart, lets none wait,
    and could be bypassed (grpc issue 41531).
    """

    def __init__(self, name: str, *, at_work: int, waiting: int, retry_after_s: float = 1.0) -> None:
        self._name = name
        self._at_work = at_work
        self._may_wait = waiting
        self._retry_after_s = retry_after_s
        self._places = asyncio.Semaphore(at_work)
        self._inside = 0

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Waits for a place, holds it while the block runs, and gives it back.

        Raises:
            OverloadedError: too many wait already.
        """
        if self._inside >= self._at_work + self._may_wait:
            raise OverloadedError(
                f"{self._inside} {self._name} calls are under way or waiting",
                retry_after_s=self._retry_after_s,
            )
        self._inside += 1
        try:
            async with self._places:
                yield
        finally:
            self._inside -= 1
