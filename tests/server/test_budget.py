import pytest
from gistwire_server.budget import Budget, Step, StepCosts


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_part_of_the_deadline_is_kept_back(clock: Clock) -> None:
    assert Budget(1.0, StepCosts(), clock).remaining_s() == pytest.approx(0.95)
    assert Budget(10.0, StepCosts(), clock).remaining_s() == pytest.approx(9.9)


def test_time_passes_and_never_becomes_negative(clock: Clock) -> None:
    budget = Budget(1.0, StepCosts(), clock)
    clock.now_s += 0.5
    assert budget.elapsed_s() == pytest.approx(0.5)
    assert budget.remaining_s() == pytest.approx(0.45)
    clock.now_s += 5
    assert budget.remaining_s() == 0.0


def test_time_can_be_kept_for_steps_that_follow(clock: Clock) -> None:
    costs = StepCosts()
    budget = Budget(1.0, costs, clock)
    kept_s = costs.estimate_s(Step.SCORE)
    assert budget.remaining_s(Step.SCORE) == pytest.approx(0.95 - kept_s)
    clock.now_s += 0.95 - kept_s / 2
    assert budget.remaining_s() == pytest.approx(kept_s / 2)
    assert budget.remaining_s(Step.SCORE) == 0.0


def test_a_step_that_was_cut_short_costs_at_least_what_it_took(clock: Clock) -> None:
    costs = StepCosts()
    told: list[tuple[Step, float, bool]] = []
    costs.observer = lambda step, cost_s, succeeded: told.append((step, round(cost_s, 6), succeeded))
    budget = Budget(100.0, costs, clock)
    before_s = costs.estimate_s(Step.SUMMARIZE_SEVERAL)
    for took_s in (0.001, 2.0):
        with budget.spend(Step.SUMMARIZE_SEVERAL) as passage:
            clock.now_s += took_s
            passage.is_whole = False
        grown = costs.estimate_s(Step.SUMMARIZE_SEVERAL) > before_s
        assert grown == (took_s == 2.0)
    assert told == [(Step.SUMMARIZE_SEVERAL, 0.001, True), (Step.SUMMARIZE_SEVERAL, 2.0, True)]


def test_a_step_that_has_become_slow_is_no_longer_affordable(clock: Clock) -> None:
    costs = StepCosts()
    assert Budget(0.4, costs, clock).affords(Step.SUMMARIZE_SEVERAL)
    for _ in range(50):
        costs.record(Step.SUMMARIZE_SEVERAL, 0.6)
    assert not Budget(0.4, costs, clock).affords(Step.SUMMARIZE_SEVERAL)
    assert Budget(1.0, costs, clock).affords(Step.SUMMARIZE_SEVERAL)


def test_steps_one_after_the_other_must_fit_together(clock: Clock) -> None:
    costs = StepCosts()
    for step in (Step.SUMMARIZE_ONE, Step.SCORE):
        for _ in range(100):
            costs.record(step, 0.06)
    budget = Budget(0.1, costs, clock)
    assert budget.affords(Step.SUMMARIZE_ONE)
    assert not budget.affords(Step.SUMMARIZE_ONE, Step.SCORE)


def test_an_unsteady_step_is_planned_with_a_margin() -> None:
    steady, unsteady = StepCosts(), StepCosts()
    for place in range(200):
        steady.record(Step.SCORE, 0.05)
        unsteady.record(Step.SCORE, 0.09 if place % 2 else 0.01)
    assert steady.estimate_s(Step.SCORE) == pytest.approx(0.05, abs=1e-3)
    assert unsteady.estimate_s(Step.SCORE) > 0.09


def test_spans_run_from_the_first_beginning_to_the_last_end(clock: Clock) -> None:
    budget = Budget(10.0, StepCosts(), clock)
    with budget.spend(Step.SCORE):
        clock.now_s += 0.1
    clock.now_s += 1.0
    with budget.spend(Step.SCORE):
        clock.now_s += 0.2
    assert budget.spans_s() == {Step.SCORE: pytest.approx(1.3)}


def test_a_failed_step_takes_time_but_says_nothing_of_the_cost(clock: Clock) -> None:
    costs = StepCosts()
    before = costs.estimate_s(Step.ENCODE)
    budget = Budget(10.0, costs, clock)

    def fail() -> None:
        with budget.spend(Step.ENCODE):
            clock.now_s += 3.0
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert costs.estimate_s(Step.ENCODE) == before
    assert budget.spans_s() == {Step.ENCODE: pytest.approx(3.0)}
