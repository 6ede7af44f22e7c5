"""What an admitted call holds while it runs: `Place`, which the admission controller gives."""

from collections.abc import Iterator
from contextlib import contextmanager

from gistwire.v1 import events_pb2

from gistwire_server.budget import Clock
from gistwire_server.overload.quality_step import QualityStep

# Of a call that spent more of its time with its reader, the duration says nothing of the server.
_MOST_WRITING_SHARE = 0.5


class Place:
    """The place of an admitted call.

    Attributes:
        step: what of the call is to be given up, as the server is busy.
        waited_s: how long it waited, in seconds.
        cost: what it takes, in default searches.
        in_use: cost of all that ran when it began, its own included.
    """

    def __init__(self, clock: Clock, arrived: float, step: QualityStep, cost: float, in_use: float) -> None:
        self._clock = clock
        self._arrived = arrived
        self._began = clock()
        self._writing_s = 0.0
        self._generated = False
        self._told_again = False
        self.step = step
        self.cost = cost
        self.in_use = in_use
        self.waited_s = self._began - arrived

    def left_s(self, deadline_s: float) -> float:
        """What is left of the time that a call had when it arrived, in seconds; never negative."""
        return max(0.0, deadline_s - (self._clock() - self._arrived))

    def held_s(self) -> float:
        """For how long it has been held, in seconds."""
        return self._clock() - self._began

    def sends(self, event: object) -> None:
        """Takes note of an event of the call."""
        if isinstance(event, events_pb2.Summary) and not event.stored:
            self._generated = True

    def tells_again(self) -> None:
        """Takes note that the call is given an answer that was kept, which takes hardly any time."""
        self._told_again = True

    @contextmanager
    def writing(self, event: object) -> Iterator[None]:
        """Encloses the writing of an event to the reader, whose slowness is not the server's."""
        self.sends(event)
        began = self._clock()
        try:
            yield
        finally:
            self._writing_s += self._clock() - began

    def tells_of_server(self) -> bool:
        """Whether the time it was held was mostly the server's."""
        return self._writing_s <= _MOST_WRITING_SHARE * self.held_s()

    def kind(self, rpc: str) -> str:
        """Names calls that take about as long for a unit of cost."""
        made = "written" if self._generated else "read"
        return f"{rpc}/{self.step.name}/{'told again' if self._told_again else made}"
