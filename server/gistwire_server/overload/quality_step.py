"""How much of a call is given up when there is too much work, and what it costs then: `QualityStep`, `CallCosts`."""

from dataclasses import dataclass
from enum import IntEnum


class QualityStep(IntEnum):
    """How much is given up; each step gives up what those before it do."""

    FULL = 0
    """Nothing."""
    ONE_CANDIDATE = 1
    """All candidates of a summary but one."""
    FAST = 2
    """What is made for the query: a stored summary does, where there is one."""
    EXTRACT = 3
    """Writing: stored summaries and extracts alone, topics without digests."""


@dataclass(frozen=True, slots=True)
class CallCosts:
    """What a call costs at each step, in default searches; a step costs no more than the one before it."""

    full: float
    one_candidate: float
    fast: float
    extract: float

    def at(self, step: QualityStep) -> float:
        """The cost at a step."""
        return (self.full, self.one_candidate, self.fast, self.extract)[step]

    @classmethod
    def fixed(cls, cost: float) -> "CallCosts":
        """The costs of a call of which nothing can be given up."""
        return cls(cost, cost, cost, cost)
