from gistwire.v1 import events_pb2
from gistwire_server.budget import Budget, Step, StepCosts
from gistwire_server.summarization import HitOutcome
from gistwire_server.tally import Tally


def test_the_end_tells_what_was_counted() -> None:
    now = [0.0]
    budget = Budget(10, StepCosts(), clock=lambda: now[0])
    tally = Tally(first_hit_s=0.25)
    with budget.spend(Step.SUMMARIZE_ONE):
        now[0] = 1.0
    with budget.spend(Step.SUMMARIZE_SEVERAL):
        now[0] = 3.0
    tally.count(events_pb2.Degraded(), budget)
    assert not tally.completed(budget, hit_count=0).HasField("time_to_first_summary")
    tally.count(events_pb2.SummaryDelta(), budget)
    now[0] = 4.0
    tally.count(HitOutcome("h1", events_pb2.Summary(stored=True), None), budget)
    tally.count(HitOutcome("h2", events_pb2.HitFailed(), None), budget)
    completed = tally.completed(budget, hit_count=2)
    assert tally.outcomes == 2
    assert (completed.hit_count, completed.failed_count, completed.stored_count) == (2, 1, 1)
    assert completed.degraded_count == 1
    assert completed.time_to_first_hit.ToMilliseconds() == 250
    assert completed.time_to_first_summary.ToMilliseconds() == 3_000
    assert completed.total.ToMilliseconds() == 4_000
    # Both kinds of summaries are one stage; the longer tells.
    (stage,) = completed.stages
    assert stage.stage == events_pb2.StageTime.SUMMARIZE
    assert stage.duration.ToMilliseconds() == 2_000


def test_every_step_belongs_to_a_stage() -> None:
    budget = Budget(10, StepCosts())
    for step in Step:
        with budget.spend(step):
            pass
    assert Tally().completed(budget, hit_count=0).stages
