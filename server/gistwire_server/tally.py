"""`Tally`: counts the events of a stream of hits, for the `completed` event in which it ends."""

from dataclasses import dataclass

from gistwire.v1 import events_pb2

from gistwire_server.budget import Budget, Step
from gistwire_server.plan import duration
from gistwire_server.summarization import HitOutcome, SummarizationEvent

_STAGES = {
    Step.ENCODE: events_pb2.StageTime.ENCODE,
    Step.RETRIEVE: events_pb2.StageTime.RETRIEVE,
    Step.PERSONALIZE: events_pb2.StageTime.PERSONALIZE,
    Step.SUMMARIZE_ONE: events_pb2.StageTime.SUMMARIZE,
    Step.SUMMARIZE_SEVERAL: events_pb2.StageTime.SUMMARIZE,
    Step.SCORE: events_pb2.StageTime.SCORE,
    Step.CLUSTER: events_pb2.StageTime.CLUSTER,
    Step.DIGEST: events_pb2.StageTime.DIGEST,
}


@dataclass(slots=True)
class Tally:
    """What the `completed` event tells of a stream.

    Attributes:
        first_hit_s: seconds from the arrival of the request to the hits event.
        first_summary_s: seconds to the first draft, summary or sentence; None if there was none yet.
        outcomes: hits whose summary has ended.
        failed: those of them whose summary failed.
        stored: those of them whose summary was stored already.
        degraded: number of degraded events.
        unrepeatable: hits that are not `HitOutcome.is_repeatable`.
    """

    first_hit_s: float = 0.0
    first_summary_s: float | None = None
    outcomes: int = 0
    failed: int = 0
    stored: int = 0
    degraded: int = 0
    unrepeatable: int = 0

    @property
    def is_repeatable(self) -> bool:
        """Whether the same stream would be the same again, as far as it has come."""
        return self.degraded == 0 and self.unrepeatable == 0

    def count(self, event: SummarizationEvent, budget: Budget) -> None:
        """Takes an event of the summaries into account."""
        if isinstance(event, events_pb2.Degraded):
            self.degraded += 1
            return
        if self.first_summary_s is None:
            self.first_summary_s = budget.elapsed_s()
        if isinstance(event, HitOutcome):
            self.outcomes += 1
            self.unrepeatable += not event.is_repeatable
            if isinstance(event.event, events_pb2.HitFailed):
                self.failed += 1
            else:
                self.stored += event.event.stored

    def completed(self, budget: Budget, *, hit_count: int) -> events_pb2.Completed:
        """The last event."""
        return events_pb2.Completed(
            stages=stage_times(budget),
            time_to_first_hit=duration(self.first_hit_s),
            time_to_first_summary=(None if self.first_summary_s is None else duration(self.first_summary_s)),
            total=duration(budget.elapsed_s()),
            hit_count=hit_count,
            failed_count=self.failed,
            stored_count=self.stored,
            degraded_count=self.degraded,
        )


def stage_times(budget: Budget) -> list[events_pb2.StageTime]:
    """Time of each stage that took place."""
    spans_s: dict[events_pb2.StageTime.Stage.ValueType, float] = {}
    for step, span_s in budget.spans_s().items():
        spans_s[_STAGES[step]] = max(span_s, spans_s.get(_STAGES[step], 0.0))
    return [events_pb2.StageTime(stage=stage, duration=duration(span_s)) for stage, span_s in spans_s.items()]
