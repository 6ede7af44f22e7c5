"""The plan of a recommendation: the request with all defaults filled in, valid by construction (validation.py)."""

from dataclasses import dataclass

from gistwire.v1 import events_pb2

from gistwire_server.plan import SearchPlan


@dataclass(frozen=True, slots=True)
class RecommendationPlan:
    """What a recommendation does.

    Attributes:
        search: for whom, from which articles, how many, and how they are summarized and ranked; without a query.
        exploration: share of hits from outside the known interests, in [0, 1].
    """

    search: SearchPlan
    exploration: float

    def to_proto(self) -> events_pb2.Plan:
        """The plan as the `started` event shows it."""
        plan = self.search.to_proto()
        plan.ClearField("retrieval")
        return plan
