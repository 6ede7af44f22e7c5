"""`LoopPortal`: an event loop in a thread of its own, on which the sync client runs coroutines."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import Future
from enum import Enum
from typing import Any, Final, TypeVar

_Result = TypeVar("_Result")


class _Exhausted(Enum):
    EXHAUSTED = "exhausted"


class LoopPortal:
    """An event loop in a thread of its own. `close` ends it with all that still runs on it."""

    def __init__(self) -> None:
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread: Final = threading.Thread(
            target=lambda: asyncio.run(_run_until_stopped(started)), name="gistwire-loop", daemon=True
        )
        self._thread.start()
        self._loop, self._stop = started.result()
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Runs a coroutine to its end; cancels it if the waiting thread is interrupted.

        Raises:
            RuntimeError: the portal was closed.
            Exception: whatever the coroutine raises.
        """
        if self._closed:
            coroutine.close()
            raise RuntimeError("the client is closed")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncGenerator[_Result, None]) -> Generator[_Result, None, None]:
        """Iterates over an async generator; closes it when it is exhausted or left."""
        try:
            while (item := self.run(_next(items))) is not _Exhausted.EXHAUSTED:
                yield item
        finally:
            self._close_generator(items)

    def close(self) -> None:
        """Cancels what still runs and ends the thread. May be called twice."""
        if not self._closed:
            self._closed = True
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _close_generator(self, items: AsyncGenerator[Any, None]) -> None:
        # A closed loop has closed its generators.
        if self._closed:
            return
        closing = asyncio.run_coroutine_threadsafe(items.aclose(), self._loop)
        # The garbage collector may come by in the loop's own thread, which must not wait for itself.
        if threading.current_thread() is not self._thread:
            closing.result()


async def _run_until_stopped(started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    stop = asyncio.Event()
    started.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()


async def _next(items: AsyncGenerator[_Result, None]) -> _Result | _Exhausted:
    return await anext(items, _Exhausted.EXHAUSTED)
