"""Keeps requests away from a server that fails: `CircuitBreaker`, one for each endpoint of Triton or cluster."""

from collections.abc import Callable
from enum import Enum


class BreakerState(Enum):
    """What a breaker lets through."""

    CLOSED = "closed"
    """Everything."""
    OPEN = "open"
    """Nothing."""
    HALF_OPEN = "half-open"
    """One trial, which decides."""


class CircuitBreaker:
    """Opens after several failures in a row; after a while one trial decides whether it closes again.

    Args:
        failures: failures in a row after which it opens.
        open_s: seconds until a trial is let through; doubles each time that it fails.
        max_open_s: the longest such time, in seconds.
        clock: seconds that only grow.
    """

    def __init__(
        self, *, failures: int, open_s: float, max_open_s: float, clock: Callable[[], float]
    ) -> None:
        self._limit = failures
        self._first_open_s = open_s
        self._max_open_s = max_open_s
        self._clock = clock
        self._failures = 0
        self._open_s = open_s
        self._opened_at: float | None = None
        self._on_trial = False

    @property
    def state(self) -> BreakerState:
        """What it lets through now."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self.trial_in_s <= 0 else BreakerState.OPEN

    @property
    def trial_in_s(self) -> float:
        """Seconds until a trial is let through; 0 for at once."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._open_s - self._clock())

    def begin_trial(self) -> bool:
        """Whether a trial may be made now; who gets True must report how it ended, or that it was given up."""
        if self.state is not BreakerState.HALF_OPEN or self._on_trial:
            return False
        self._on_trial = True
        return True

    def abandon_trial(self) -> None:
        """Takes note of a trial that was given up before it told anything: another one may be made."""
        self._on_trial = False

    def succeed(self) -> None:
        """Takes note of an answer: all is well."""
        self._failures = 0
        self._opened_at = None
        self._open_s = self._first_open_s
        self._on_trial = False

    def fail(self) -> None:
        """Takes note of a failure. Those of requests that were under way when it opened change nothing."""
        if self._opened_at is None:
            self._failures += 1
            if self._failures >= self._limit:
                self._opened_at = self._clock()
        elif self._on_trial:
            self._on_trial = False
            self._open_s = min(self._max_open_s, 2 * self._open_s)
            self._opened_at = self._clock()
