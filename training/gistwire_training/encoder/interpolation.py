"""Chooses how much of the fine-tuning to keep, on validation alone; the gate that no worse encoder passes.

Method: WiSE-FT (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022): weights between those of the
base and those of the fine-tuned model often serve the new task as well and the old ones better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from gistwire_training.encoder.network import Weights
from gistwire_training.encoder.retrieval_evaluation import Values, estimate_mean
from gistwire_training.errors import CheckpointError
from gistwire_training.evaluation.bootstrap import Estimate

BASE = 0.0
"""The interpolation weight that leaves the base as it is."""

_MIN_SOURCE_QUERIES = 100
"""Queries of a source from which its own loss counts; the mean of fewer is mostly chance."""

_ROUNDING = 1e-9
"""Means of the same figures in another order differ by less."""


@dataclass(frozen=True, slots=True)
class GateMeasurement:
    """What is measured of one interpolation weight.

    Attributes:
        validation: nDCG@10 of each validation query, ``float64 [queries]``.
        guard: nDCG@10 of each query of the guard, ``float64 [queries]``; None without a guard.
    """

    validation: Values
    guard: Values | None = None


class InterpolationScore(msgspec.Struct, frozen=True, kw_only=True):
    """What one interpolation weight comes to on validation.

    Attributes:
        alpha: the weight of the fine-tuned parameters, in (0, 1].
        ndcg: nDCG@10.
        gain: nDCG@10 less the base's, query by query.
        gain_by_source: the mean gain in each source that has enough queries.
        guard_gain: the mean gain on the guard's queries; None without a guard.
        admitted: whether it is better than the base beyond chance, and neither in a source nor on the guard worse.
    """

    alpha: float
    ndcg: Estimate
    gain: Estimate
    gain_by_source: dict[str, float]
    guard_gain: float | None = None
    admitted: bool


class Interpolation(msgspec.Struct, frozen=True, kw_only=True):
    """The choice, with what it rests on.

    Attributes:
        alpha: the chosen weight; 0, the base, where none is better.
        base_ndcg: nDCG@10 of the base.
        scores: those of each weight that was tried, lowest weight first.
    """

    alpha: float
    base_ndcg: Estimate
    scores: tuple[InterpolationScore, ...]


def interpolate(base: Weights, tuned: Weights, alpha: float) -> Weights:
    """Returns ``(1 − alpha) · base + alpha · tuned`` for each parameter of `tuned`.

    Raises:
        CheckpointError: they are of different encoders.
    """
    if any(name not in base or base[name].shape != tuned[name].shape for name in tuned):
        raise CheckpointError("the fine-tuned weights are of another encoder than the base")
    if alpha == 1:
        return dict(tuned)
    return {name: base[name] + alpha * (tuned[name] - base[name]) for name in tuned}


def choose_interpolation(measured: Mapping[float, GateMeasurement], sources: Sequence[str]) -> Interpolation:
    """Picks the smallest weight that is admitted and not worse than the best admitted one beyond chance.

    Args:
        measured: what was measured of each weight; 0 (the base) is among them.
        sources: the source of each validation query, ``[queries]``.

    Returns:
        the choice; the base, alpha 0, where no weight is admitted.
    """
    base = measured[BASE]
    scores = tuple(
        _score(alpha, values, base, sources) for alpha, values in sorted(measured.items()) if alpha != BASE
    )
    admitted = [score for score in scores if score.admitted]
    chosen = BASE
    if admitted:
        best = measured[max(admitted, key=lambda score: score.ndcg.value).alpha].validation
        # Closer to the base is safer on what validation does not hold.
        chosen = next(
            score.alpha
            for score in admitted
            if estimate_mean(best - measured[score.alpha].validation).low <= 0
        )
    return Interpolation(alpha=chosen, base_ndcg=estimate_mean(base.validation), scores=scores)


def _score(
    alpha: float, tuned: GateMeasurement, base: GateMeasurement, sources: Sequence[str]
) -> InterpolationScore:
    gains = tuned.validation - base.validation
    gain = estimate_mean(gains)
    names = np.array(sources)
    gain_by_source = {
        source: float(gains[names == source].mean())
        for source in sorted(set(sources))
        if (names == source).sum() >= _MIN_SOURCE_QUERIES
    }
    guard_gain = _mean_gain(tuned.guard, base.guard)
    must_not_fall = [*gain_by_source.values(), *(() if guard_gain is None else (guard_gain,))]
    return InterpolationScore(
        alpha=alpha,
        ndcg=estimate_mean(tuned.validation),
        gain=gain,
        gain_by_source=gain_by_source,
        guard_gain=guard_gain,
        admitted=gain.low > 0 and all(mean >= -_ROUNDING for mean in must_not_fall),
    )


def _mean_gain(tuned: Values | None, base: Values | None) -> float | None:
    return None if tuned is None or base is None else float((tuned - base).mean())
