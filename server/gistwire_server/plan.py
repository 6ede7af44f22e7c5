"""The plan of a search: the request with all defaults filled in, valid by construction (see validation.py)."""

from dataclasses import dataclass
from enum import Enum

from gistwire.v1 import events_pb2, specs_pb2
from gistwire_indexer.filter import Filter
from google.protobuf.duration_pb2 import Duration


class SummaryMode(Enum):
    """How much is done for a summary; the values are those of SummarySpec.Mode."""

    NONE = specs_pb2.SummarySpec.NONE
    STORED = specs_pb2.SummarySpec.STORED
    FAST = specs_pb2.SummarySpec.FAST
    BEST = specs_pb2.SummarySpec.BEST


@dataclass(frozen=True, slots=True)
class RetrievalPlan:
    """How articles are retrieved; as RetrievalSpec."""

    lexical_weight: float
    dense_weight: float
    fusion_constant: int
    depth: int


@dataclass(frozen=True, slots=True)
class SummaryPlan:
    """How hits are summarized; as SummarySpec."""

    mode: SummaryMode
    candidates: int
    max_tokens: int
    stream_drafts: bool


@dataclass(frozen=True, slots=True)
class RankWeights:
    """Weight of each ranking signal; as the message of that name."""

    query_similarity: float
    fusion: float
    recency: float
    interest: float
    source_quality: float
    redundancy: float
    popularity: float = 0.0
    collaborative: float = 0.0


@dataclass(frozen=True, slots=True)
class RankPlan:
    """How hits are ranked; as RankSpec."""

    weights: RankWeights
    recency_half_life_s: float
    collapse: bool


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What a search does.

    Attributes:
        query: normalized, not empty.
        filter: which articles take part; None for all.
        top_k: number of hits wanted.
        retrieval: how articles are retrieved.
        summary: how hits are summarized.
        rank: how hits are ranked.
        user_id: whose profile is taken into account; empty for nobody's.
        interests: interests stated by the caller, in words.
        deadline_s: time for the whole call, in seconds.
        given_up: what its summaries do without because the server is busy; None for nothing.
        explain: whether the final order and the summaries are explained.
    """

    query: str
    filter: Filter | None
    top_k: int
    retrieval: RetrievalPlan
    summary: SummaryPlan
    rank: RankPlan
    user_id: str
    interests: tuple[str, ...]
    deadline_s: float
    given_up: events_pb2.Degraded.Action.ValueType | None = None
    explain: bool = False

    def to_proto(self) -> events_pb2.Plan:
        """The plan as the `started` event shows it."""
        weights = self.rank.weights
        return events_pb2.Plan(
            query=self.query,
            filter=str(self.filter) if self.filter else "",
            top_k=self.top_k,
            retrieval=specs_pb2.RetrievalSpec(
                lexical_weight=self.retrieval.lexical_weight,
                dense_weight=self.retrieval.dense_weight,
                fusion_constant=self.retrieval.fusion_constant,
                depth=self.retrieval.depth,
            ),
            summary=specs_pb2.SummarySpec(
                mode=self.summary.mode.value,
                candidates=self.summary.candidates,
                max_tokens=self.summary.max_tokens,
                stream_drafts=self.summary.stream_drafts,
            ),
            rank=specs_pb2.RankSpec(
                weights=specs_pb2.RankWeights(
                    query_similarity=weights.query_similarity,
                    fusion=weights.fusion,
                    recency=weights.recency,
                    interest=weights.interest,
                    source_quality=weights.source_quality,
                    redundancy=weights.redundancy,
                    popularity=weights.popularity,
                    collaborative=weights.collaborative,
                ),
                recency_half_life=duration(self.rank.recency_half_life_s),
                collapse=self.rank.collapse,
            ),
            deadline=duration(self.deadline_s),
            explain=self.explain,
        )


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """What a watch does.

    Attributes:
        search: how the past is searched, and how hits are summarized; its deadline is that of each group of them.
        min_similarity: from which similarity to the query a new article matches, in [0, 1].
        deadline_s: time for the whole call, in seconds; None if it has no end.
    """

    search: SearchPlan
    min_similarity: float
    deadline_s: float | None

    def to_proto(self) -> events_pb2.Plan:
        """The plan as the `started` event shows it."""
        plan = self.search.to_proto()
        plan.ClearField("deadline")
        if self.deadline_s is not None:
            plan.deadline.CopyFrom(duration(self.deadline_s))
        return plan


def duration(seconds: float) -> Duration:
    """A protobuf duration of so many seconds, to the microsecond."""
    message = Duration()
    message.FromMicroseconds(round(seconds * 1_000_000))
    return message


def overload_degradations(
    given_up: events_pb2.Degraded.Action.ValueType | None, stage: events_pb2.StageTime.Stage.ValueType
) -> list[events_pb2.Degraded]:
    """What the `degraded` events say of a plan that gives something up from the start; empty if it does not."""
    if given_up is None:
        return []
    return [events_pb2.Degraded(stage=stage, reason=events_pb2.Degraded.OVERLOAD, action=given_up)]
