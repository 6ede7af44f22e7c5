"""Chooses how much of the fine-tuning to keep, on validation alone; the gate that no worse encoder passes.

Method: WiSE-FT (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022): weights between those of the
base and those of the fine-tuned model often serve the new task as well and the old ones better.
"""

from collections.abc import Mapping, Sequence

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


class InterpolationScore(msgspec.Struct, frozen=True, kw_only=True):
    """What one interpolation weight comes to on validation.

    Attributes:
        alpha: the weight of the fine-tuned parameters, in (0, 1].
        ndcg: nDCG@10.
        gain: nDCG@10 less the base's, query by query.
        gain_by_source: the mean gain in each source that has enough queries.
        admitted: whether it is better than the base beyond chance, and in no source worse.
    """

    alpha: float
    ndcg: Estimate
    gain: Estimate
    gain_by_source: dict[str, float]
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


def choose_interpolation(ndcg_by_alpha: Mapping[float, Values], sources: Sequence[str]) -> Interpolation:
    """Picks the smallest weight that is admitted and not worse than the best admitted one beyond chance.

    Args:
        ndcg_by_alpha: for each weight the validation queries' nDCG@10, ``float64 [queries]``; 0 (the base)
            is among them.
        sources: the source of each query, ``[queries]``.

    Returns:
        the choice; the base, alpha 0, where no weight is admitted.
    """
    base = ndcg_by_alpha[BASE]
    scores = tuple(
        _score(alpha, values, base, sources)
        for alpha, values in sorted(ndcg_by_alpha.items())
        if alpha != BASE
    )
    admitted = [score for score in scores if score.admitted]
    chosen = BASE
    if admitted:
        best = ndcg_by_alpha[max(admitted, key=lambda score: score.ndcg.value).alpha]
        # Closer to the base is safer on what validation does not hold.
        chosen = next(
            score.alpha for score in admitted if estimate_mean(best - ndcg_by_alpha[score.alpha]).low <= 0
        )
    return Interpolation(alpha=chosen, base_ndcg=estimate_mean(base), scores=scores)


def _score(alpha: float, values: Values, base: Values, sources: Sequence[str]) -> InterpolationScore:
    gains = values - base
    gain = estimate_mean(gains)
    names = np.array(sources)
    gain_by_source = {
        source: float(gains[names == source].mean())
        for source in sorted(set(sources))
        if (names == source).sum() >= _MIN_SOURCE_QUERIES
    }
    return InterpolationScore(
        alpha=alpha,
        ndcg=estimate_mean(values),
        gain=gain,
        gain_by_source=gain_by_source,
        admitted=gain.low > 0 and all(mean >= 0 for mean in gain_by_source.values()),
    )
