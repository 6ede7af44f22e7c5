"""Runs a Summarizer for callers that are no coroutines: `SummaryStreams`, with which Triton's `summarizer` serves."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import aclosing
from typing import Protocol, cast

from gistwire_models.summarizer import GeneratingSummarizer, SummaryEvent, SummaryRequest

_LOOK_EACH_S = 0.1
"""How often it is asked which readers have gone, in seconds."""


class SummaryReader(Protocol):
    """Who waits for a summary. Its methods are called in the thread of the streams, and must not block for long."""

    def is_gone(self) -> bool:
        """Whether nobody waits any more."""
        ...

    def send(self, event: SummaryEvent) -> None:
        """Takes what was written."""
        ...

    def end(self, error: Exception | None) -> None:
        """Takes the end, which comes once: after the candidates, or with what went wrong, or when it has gone."""
        ...


class SummaryStreams:
    """Summarizes articles in an event loop of its own, many at a time.

    A reader that has gone is noticed within a tenth of a second; its article then stops at the next token, or at the
    end of a beam search.
    """

    def __init__(self, load: Callable[[], GeneratingSummarizer]) -> None:
        """Loads the summarizer and starts the loop. Blocks.

        Args:
            load: gives the summarizer, in this thread.

        Raises:
            Exception: as `load`.
        """
        self._summarizer = load()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[asyncio.Task[None], SummaryReader] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, name="gistwire-streams", daemon=True)
        self._thread.start()
        self._looking = asyncio.run_coroutine_threadsafe(self._look_after_readers(), self._loop)

    @property
    def summarizer(self) -> GeneratingSummarizer:
        """What writes."""
        return self._summarizer

    def warm_up(self, request: SummaryRequest) -> None:
        """Writes a summary that nobody reads, as the first is the slowest. Blocks.

        Raises:
            GistwireModelError: the summarizer cannot.
        """
        asyncio.run_coroutine_threadsafe(self._write(request), self._loop).result()

    def start(self, request: SummaryRequest, reader: SummaryReader) -> None:
        """Begins with an article, and returns at once; from any thread."""
        self._loop.call_soon_threadsafe(self._start, request, reader)

    def close(self) -> None:
        """Ends all articles with ModelUnavailableError, and the loop. Blocks."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _start(self, request: SummaryRequest, reader: SummaryReader) -> None:
        task = self._loop.create_task(self._serve(request, reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, request: SummaryRequest, reader: SummaryReader) -> None:
        if reader.is_gone():
            reader.end(None)
            return
        task = cast("asyncio.Task[None]", asyncio.current_task())
        # Not before, as a task that is cancelled before it begins would never tell its reader the end.
        self._waiting[task] = reader
        error: Exception | None = None
        try:
            async with aclosing(self._summarizer.summarize(request)) as events:
                async for event in events:
                    reader.send(event)
        except asyncio.CancelledError:
            # By `_look_after_readers`: nobody else has the task.
            return
        except Exception as failure:  # noqa: BLE001 (whatever went wrong, the reader is told)
            error = failure
        finally:
            # Whoever has had the end must not be asked anything more: Triton crashes if it is.
            self._waiting.pop(task, None)
            reader.end(error)

    async def _write(self, request: SummaryRequest) -> None:
        async with aclosing(self._summarizer.summarize(request)) as events:
            async for _ in events:
                pass

    async def _look_after_readers(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EACH_S)
            gone = [task for task, reader in self._waiting.items() if reader.is_gone()]
            for task in gone:
                # Cancelled once, so that it can clean up.
                del self._waiting[task]
                task.cancel()

    async def _end(self) -> None:
        self._looking.cancel()
        await self._summarizer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
