"""Calls that wait, in the order in which each caller gets a fair share: `FairQueue`."""

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(slots=True, eq=False)
class Entry(Generic[Item]):
    """What waits.

    Attributes:
        flow: whose it is.
        start: virtual time from which on it is its turn.
        item: what was put in.
    """

    flow: Hashable
    start: float
    item: Item


class FairQueue(Generic[Item]):
    """Start-time fair queueing (Goyal, Vin and Cheng, 1996), with a flow for each caller.

    Each flow gets a share of the service in proportion to its weight, measured in cost, however many calls of it
    wait; calls of one flow keep their order. A flow that asks for little hardly waits for one that asks for much.
    """

    def __init__(self) -> None:
        self._flows: dict[Hashable, deque[Entry[Item]]] = {}
        # Until when a flow has had its share, in virtual time; a new call of it starts there.
        self._finish: dict[Hashable, float] = {}
        self._virtual_time = 0.0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Entry[Item]]:
        """What waits, flow by flow."""
        for entries in self._flows.values():
            yield from entries

    def waiting(self, flow: Hashable) -> int:
        """How many of a flow wait."""
        return len(self._flows.get(flow, ()))

    def before(self, flow: Hashable) -> list[Item]:
        """What would have its turn before a further one of a flow."""
        start = self._start_of(flow)
        return [entry.item for entry in self if entry.start <= start]

    def push(self, flow: Hashable, item: Item, *, cost: float, weight: float = 1.0) -> Entry[Item]:
        """Puts an item at the end of its flow.

        Args:
            flow: whose it is.
            item: the item.
            cost: what it takes; positive.
            weight: the flow's share, in relation to those of others; positive.
        """
        entry = Entry(flow, self._start_of(flow), item)
        self._finish[flow] = entry.start + cost / weight
        self._flows.setdefault(flow, deque()).append(entry)
        self._length += 1
        return entry

    def peek(self) -> Entry[Item] | None:
        """The entry whose turn it is; None if nothing waits."""
        return min((entries[0] for entries in self._flows.values()), key=_start, default=None)

    def take(self, entry: Entry[Item]) -> None:
        """Removes the entry whose turn it is, which gets its share."""
        self._virtual_time = entry.start
        self.remove(entry)

    def remove(self, entry: Entry[Item]) -> None:
        """Removes an entry; nothing happens if it is not there any more."""
        entries = self._flows.get(entry.flow)
        if entries is None or entry not in entries:
            return
        entries.remove(entry)
        self._length -= 1
        if not entries:
            del self._flows[entry.flow]
        if not self._length:
            # Who asks now asks of an idle server: what was before counts no more.
            self._finish.clear()
            self._virtual_time = 0.0

    def last_of_longest_flow(self) -> Entry[Item] | None:
        """The newest entry of the flow of which most wait; None if nothing waits."""
        longest = max(self._flows.values(), key=len, default=None)
        return None if longest is None else longest[-1]

    def _start_of(self, flow: Hashable) -> float:
        return max(self._virtual_time, self._finish.get(flow, 0.0))


def _start(entry: Entry[Item]) -> float:
    return entry.start
