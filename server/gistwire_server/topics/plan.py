"""The plan of a stream of topics: the request with all defaults filled in, valid by construction (validation.py)."""

from dataclasses import dataclass
from datetime import datetime

from gistwire.v1 import events_pb2
from gistwire_indexer.filter import Filter

from gistwire_server.plan import duration


@dataclass(frozen=True, slots=True)
class TopicsPlan:
    """What a stream of topics does.

    Attributes:
        filter: which articles take part; None for all.
        window_s: length of the window, in seconds.
        until: its end, with a time zone; None for the present.
        max_topics: most topics wanted.
        digests: whether each gets a digest.
        deadline_s: time for the whole call, in seconds.
        given_up: what is done without because the server is busy; None for nothing.
    """

    filter: Filter | None
    window_s: float
    until: datetime | None
    max_topics: int
    digests: bool
    deadline_s: float
    given_up: events_pb2.Degraded.Action.ValueType | None = None

    def to_proto(self) -> events_pb2.Plan:
        """The plan as the `started` event shows it."""
        return events_pb2.Plan(
            filter=str(self.filter) if self.filter else "",
            top_k=self.max_topics,
            deadline=duration(self.deadline_s),
        )
