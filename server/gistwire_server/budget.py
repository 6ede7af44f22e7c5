"""The time of a search: what is left of it, what each step has cost lately, and so what is still affordable."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from gistwire_models.tracing import span

Clock = Callable[[], float]
"""Monotonic seconds."""


class Step(StrEnum):
    """A step whose cost is watched."""

    ENCODE = "encode"
    RETRIEVE = "retrieve"
    PERSONALIZE = "personalize"
    SUMMARIZE_SEVERAL = "summarize_several"
    SUMMARIZE_ONE = "summarize_one"
    SCORE = "score"
    CLUSTER = "cluster"
    DIGEST = "digest"


_INITIAL_COST_S = {
    Step.ENCODE: 0.01,
    Step.RETRIEVE: 0.02,
    Step.PERSONALIZE: 0.02,
    Step.SUMMARIZE_SEVERAL: 0.15,
    Step.SUMMARIZE_ONE: 0.05,
    Step.SCORE: 0.01,
    Step.CLUSTER: 0.5,
    Step.DIGEST: 0.3,
}
"""Costs before anything was measured: generous, so that the first searches of a process are not cut short."""


StepObserver = Callable[[Step, float, bool], None]
"""Is told of each pass through a step: which, its seconds, and whether it succeeded."""


class StepCosts:
    """Running cost of each step, shared by all searches of a process.

    The estimate is a moving mean plus twice the moving mean deviation (gains 1/8 and 1/4), as Jacobson (1988)
    estimates round-trip times: steady steps are planned tightly, unsteady ones with a margin.

    Attributes:
        observer: is told of all passes, also of those that fail; None if nobody is.
    """

    def __init__(self) -> None:
        self.observer: StepObserver | None = None
        self._mean_s = dict(_INITIAL_COST_S)
        self._deviation_s = {step: cost_s / 4 for step, cost_s in _INITIAL_COST_S.items()}

    def record(self, step: Step, cost_s: float) -> None:
        """Takes one measured cost into account, in seconds."""
        error_s = cost_s - self._mean_s[step]
        self._mean_s[step] += error_s / 8
        self._deviation_s[step] += (abs(error_s) - self._deviation_s[step]) / 4

    def record_at_least(self, step: Step, cost_s: float) -> None:
        """Takes into account, in seconds, that a step would have cost so much or more."""
        if cost_s > self._mean_s[step]:
            self.record(step, cost_s)

    def tell(self, step: Step, cost_s: float, *, succeeded: bool) -> None:
        """Tells the observer of a pass through a step, if there is one."""
        if self.observer is not None:
            self.observer(step, cost_s, succeeded)

    def estimate_s(self, step: Step) -> float:
        """What the step will cost, in seconds, with a margin for its unsteadiness."""
        return self._mean_s[step] + 2 * self._deviation_s[step]


@dataclass(slots=True)
class Passage:
    """A pass through a step.

    Attributes:
        is_whole: whether it was, or is to be, carried out to its end; what was not costs at least what it took.
    """

    is_whole: bool = True


class Budget:
    """The time of one search.

    A part of the deadline is kept back for what must follow any step: scoring by what is known, the final ranking
    and its way to the client.
    """

    RESERVED_SHARE = 0.05
    MAX_RESERVED_S = 0.1

    def __init__(self, deadline_s: float, costs: StepCosts, clock: Clock = time.monotonic) -> None:
        self._costs = costs
        self._clock = clock
        self._started = clock()
        self._expires = (
            self._started + deadline_s - min(deadline_s * self.RESERVED_SHARE, self.MAX_RESERVED_S)
        )
        self._spans: dict[Step, tuple[float, float]] = {}

    def elapsed_s(self) -> float:
        """Seconds since the search began."""
        return self._clock() - self._started

    def remaining_s(self, *kept_for: Step) -> float:
        """Seconds that may still be spent, with time left for these steps; never negative."""
        kept_s = sum(self._costs.estimate_s(step) for step in kept_for)
        return max(self._expires - self._clock() - kept_s, 0.0)

    def affords(self, *steps: Step) -> bool:
        """Whether what is left is likely to be enough for these steps, one after the other."""
        return self.remaining_s() >= sum(self._costs.estimate_s(step) for step in steps)

    @contextmanager
    def spend(self, step: Step) -> Iterator[Passage]:
        """Measures a step. Only one that ends well counts for the running cost; a failure says nothing of it.

        Yields:
            the passage, for the block to say that the step was not carried out to its end.
        """
        started = self._clock()
        passage = Passage()
        try:
            with span(step.value):
                yield passage
        except BaseException as error:
            ended = self._clock()
            self._note(step, started, ended)
            # A search that was given up says nothing of the step.
            if isinstance(error, Exception):
                self._costs.tell(step, ended - started, succeeded=False)
            raise
        ended = self._clock()
        self._note(step, started, ended)
        if passage.is_whole:
            self._costs.record(step, ended - started)
        else:
            self._costs.record_at_least(step, ended - started)
        self._costs.tell(step, ended - started, succeeded=True)

    def spans_s(self) -> dict[Step, float]:
        """Seconds from the first beginning to the last end of each step that took place."""
        return {step: ended - started for step, (started, ended) in self._spans.items()}

    def _note(self, step: Step, started: float, ended: float) -> None:
        first, last = self._spans.get(step, (started, ended))
        self._spans[step] = (min(first, started), max(last, ended))
