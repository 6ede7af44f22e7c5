"""Whether the ratios of rounds show a loss against a recorded one: `judge`; `judge_again` of a repetition."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

_RESAMPLES = 4_000
_CONFIDENCE = 0.99


class Verdict(Enum):
    """What rounds say of a ratio."""

    HELD = "held"
    """No loss is shown."""

    LOST = "lost"
    """The whole interval lies beyond what is tolerated."""

    UNCLEAR = "unclear"
    """The rounds scatter so much that such a loss can be neither shown nor excluded."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What rounds say of a ratio.

    Attributes:
        median: of the rounds.
        low: lower end of the interval in which the median lies with 99 %.
        high: its upper end.
        limit: what is tolerated.
        verdict: what follows.
    """

    median: float
    low: float
    high: float
    limit: float
    verdict: Verdict


def judge(ratios: Sequence[float], recorded: float, *, tolerance: float) -> Judgement:
    """Compares the ratios of rounds with a recorded one.

    A loss is said only where the whole interval lies above the recorded ratio times the tolerance. Where that limit
    lies inside the interval and the interval spans more than the tolerance itself, nothing is said.

    Args:
        ratios: one of each round; at least one. Larger is worse.
        recorded: what they were.
        tolerance: by what they may have grown; above 1.
    """
    low, high = median_interval(ratios)
    limit = recorded * tolerance
    if low > limit:
        verdict = Verdict.LOST
    elif high > limit and high > low * tolerance:
        verdict = Verdict.UNCLEAR
    else:
        verdict = Verdict.HELD
    return Judgement(statistics.median(ratios), low, high, limit, verdict)


def judge_again(first: Verdict, second: Verdict) -> Verdict:
    """What follows of a ratio that did not hold at first and was measured again.

    A loss is one only if it is said twice.
    """
    if second is Verdict.HELD or (first is Verdict.LOST and second is Verdict.LOST):
        return second
    return Verdict.UNCLEAR


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The interval in which the median lies with 99 %, by the percentile bootstrap (Efron and Tibshirani, 1993).

    The same values have the same interval, as the resamples are drawn from a fixed seed.

    Args:
        values: at least one.
    """
    chance = random.Random(11)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(_RESAMPLES))
    beyond = round(_RESAMPLES * (1 - _CONFIDENCE) / 2)
    return medians[beyond], medians[-1 - beyond]
