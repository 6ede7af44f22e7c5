"""Tests of `CircuitBreaker`, with a clock of their own."""

import pytest
from gistwire_models.circuit_breaker import BreakerState, CircuitBreaker
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

FAILURES, OPEN_S, MAX_OPEN_S = 3, 1.0, 4.0


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make_breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=FAILURES, open_s=OPEN_S, max_open_s=MAX_OPEN_S, clock=clock)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return make_breaker(clock)


def open_breaker(breaker: CircuitBreaker) -> None:
    for _ in range(FAILURES):
        breaker.fail()


def test_opens_after_failures_in_a_row_only(breaker: CircuitBreaker) -> None:
    for _ in range(10):
        for _ in range(FAILURES - 1):
            breaker.fail()
        breaker.succeed()
    assert breaker.state.value == "closed"
    open_breaker(breaker)
    assert breaker.state.value == "open"
    assert not breaker.begin_trial()


def test_one_trial_at_a_time_decides(breaker: CircuitBreaker, clock: Clock) -> None:
    open_breaker(breaker)
    clock.now += OPEN_S
    assert breaker.state.value == "half-open"
    assert breaker.begin_trial()
    assert not breaker.begin_trial()
    breaker.succeed()
    assert breaker.state.value == "closed"


def test_each_trial_that_fails_doubles_the_wait_up_to_a_limit(breaker: CircuitBreaker, clock: Clock) -> None:
    open_breaker(breaker)
    waits = []
    for _ in range(4):
        waits.append(breaker.trial_in_s)
        clock.now += breaker.trial_in_s
        assert breaker.begin_trial()
        breaker.fail()
    assert waits == [1, 2, 4, 4]
    breaker.begin_trial()
    breaker.succeed()
    open_breaker(breaker)
    assert breaker.trial_in_s == OPEN_S


def test_failures_from_before_it_opened_do_not_prolong_it(breaker: CircuitBreaker, clock: Clock) -> None:
    open_breaker(breaker)
    clock.now += OPEN_S / 2
    breaker.fail()
    assert breaker.trial_in_s == OPEN_S / 2


def test_a_trial_that_was_given_up_makes_room_for_another(breaker: CircuitBreaker, clock: Clock) -> None:
    open_breaker(breaker)
    clock.now += OPEN_S
    assert breaker.begin_trial()
    breaker.abandon_trial()
    assert breaker.state.value == "half-open"
    assert breaker.begin_trial()


class BreakerMachine(RuleBasedStateMachine):
    """Whatever happens: closed only before enough failures or after a success; a trial only when it is half open."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = make_breaker(self.clock)
        self.on_trial = False
        self.in_a_row = 0

    @rule(seconds=st.floats(0, 10))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def a_request_fails(self) -> None:
        self.breaker.fail()
        self.in_a_row += 1
        self.on_trial = False

    @rule()
    def a_request_succeeds(self) -> None:
        self.breaker.succeed()
        self.in_a_row = 0
        self.on_trial = False

    @precondition(lambda self: not self.on_trial)
    @rule()
    def a_trial_is_wanted(self) -> None:
        half_open = self.breaker.state is BreakerState.HALF_OPEN
        assert self.breaker.begin_trial() is half_open
        self.on_trial = half_open

    @invariant()
    def it_is_closed_as_long_as_few_fail(self) -> None:
        assert (self.breaker.state is BreakerState.CLOSED) is (self.in_a_row < FAILURES)
        assert 0 <= self.breaker.trial_in_s <= MAX_OPEN_S


TestBreakerMachine = BreakerMachine.TestCase
