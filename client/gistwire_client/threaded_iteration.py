"""`iterate_in_thread`: a blocking iterable, such as lines of a file, as an async one. Ingestion uses it."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class _End:
    """The iterable gave all it had, or raised."""

    error: Exception | None


class _Reader(Generic[_Item]):
    """Iterates in a thread of its own and hands over at most `ahead` items that nobody has taken yet."""

    def __init__(self, iterable: Iterable[_Item], ahead: int) -> None:
        self._iterable = iterable
        self._room = threading.Semaphore(ahead)
        self._stopped = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[_Item | _End] = asyncio.Queue()

    def start(self) -> None:
        # A daemon, because a read from a terminal or a pipe may never return.
        threading.Thread(target=self._read, name="gistwire-read", daemon=True).start()

    async def take(self) -> _Item | _End:
        item = await self._items.get()
        self._room.release()
        return item

    def stop(self) -> None:
        self._stopped.set()
        self._room.release()

    def _read(self) -> None:
        error: Exception | None = None
        try:
            for item in self._iterable:
                self._room.acquire()
                if self._stopped.is_set():
                    return
                self._hand_over(item)
        except Exception as raised:  # noqa: BLE001 - it is raised again where the items are taken
            error = raised
        self._hand_over(_End(error))

    def _hand_over(self, item: _Item | _End) -> None:
        put: Callable[[_Item | _End], None] = self._items.put_nowait
        # The loop may have been closed while this thread was reading.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(put, item)


async def iterate_in_thread(iterable: Iterable[_Item], *, ahead: int = 256) -> AsyncGenerator[_Item, None]:
    """Iterates in a thread, so that an iterable that blocks does not block the loop.

    Leaving the generator does not wait for the thread: it ends with the item it is reading.

    Args:
        iterable: touched by that thread only.
        ahead: most items that are read before they are asked for.

    Yields:
        the items, in order.

    Raises:
        Exception: whatever the iterable raises.
    """
    reader = _Reader(iterable, ahead)
    reader.start()
    try:
        while not isinstance(item := await reader.take(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        reader.stop()
