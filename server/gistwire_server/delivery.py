"""Between many writers and one slow reader: a queue in which the pieces of a draft coalesce."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from gistwire.v1 import events_pb2

Item = TypeVar("Item")

_FULL = 16
"""Events that wait when nothing further is begun. With those of ten hits under way that is 10 to 60 KB."""


class CoalescingQueue(Generic[Item]):
    """Holds events until the reader takes them.

    Its size is bounded by what is under way, not by how slowly it is read: while a piece of a hit's draft waits,
    further pieces of that draft are appended to it, and who is about to begin another hit waits for `room`. Belongs
    to one event loop; not for threads.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[object, Item | events_pb2.SummaryDelta] = OrderedDict()
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: Item) -> None:
        """Adds an event behind those that wait."""
        self._waiting[object()] = item
        self._changed.set()

    def put_delta(self, hit_id: str, text: str) -> None:
        """Adds a piece of a draft, or appends it to the piece of that hit that waits."""
        waiting = self._waiting.get(hit_id)
        if isinstance(waiting, events_pb2.SummaryDelta):
            waiting.text += text
        else:
            self._waiting[hit_id] = events_pb2.SummaryDelta(hit_id=hit_id, text=text)
        self._changed.set()

    def close(self) -> None:
        """Ends the reader's iteration once it has taken what waits."""
        self._closed = True
        self._changed.set()

    async def room(self) -> None:
        """Waits until few enough events wait for the reader that more can be produced."""
        while len(self._waiting) >= _FULL:
            self._taken.clear()
            await self._taken.wait()

    async def events(self) -> AsyncGenerator[Item | events_pb2.SummaryDelta, None]:
        """Yields events in the order they were added, until the queue is closed and empty."""
        while True:
            while self._waiting:
                event = self._waiting.popitem(last=False)[1]
                self._taken.set()
                yield event
            if self._closed:
                return
            self._changed.clear()
            await self._changed.wait()
