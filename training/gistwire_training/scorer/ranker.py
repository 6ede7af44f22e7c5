"""The linear ranker of candidates and how it is fitted: `fit_ranker`, called by fitting.py; pure numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gistwire_training.errors import TrainingDataError
from gistwire_training.scorer.examples import Floats, RankingExample

PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
"""L2 penalties that cross-validation tries."""

_FOLDS = 5
_MAX_NEWTON_STEPS = 50
_CONVERGED = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """A linear function of standardised features.

    Attributes:
        means: mean of each feature over the candidates it was fitted on: ``float64 [features]``.
        deviations: standard deviation of each, above 0: ``float64 [features]``.
        weights: weight of each: ``float64 [features]``.
    """

    means: Floats
    deviations: Floats
    weights: Floats

    def qualities(self, example: RankingExample) -> Floats:
        """Returns the quality of each candidate, as `QualityModel` says: ``float64 [candidates]``."""
        logits = _standardise(example.features, self.means, self.deviations) @ self.weights
        qualities: Floats = example.novelties * np.exp(-np.logaddexp(0.0, -logits))
        return qualities


@dataclass(frozen=True, slots=True)
class Validation:
    """How a penalty did in cross-validation.

    Attributes:
        penalty: the L2 penalty.
        rouge: mean ROUGE of the chosen candidates of articles that were not fitted on, in [0, 1].
        loss: by how much that is below the best penalty's.
        loss_error: standard error of the loss.
    """

    penalty: float
    rouge: float
    loss: float
    loss_error: float


def fit_ranker(
    examples: Sequence[RankingExample], penalty: float, *, features: Sequence[int] | None = None
) -> Ranker:
    """Fits a ranker by the pairwise logistic loss; deterministic.

    The loss is the mean of ``Δ · log(1 + exp(s(worse) − s(better)))`` over the pairs of candidates of an article,
    every article counting the same, plus ``penalty / 2 · |weights|²`` (RankNet, Burges et al. 2005). Δ is the pair's
    difference in ROUGE, as mistaking two that are nearly as good costs nearly nothing. SimCLS (Liu & Liu 2021) ranks
    candidates in the same contrastive way, but by the closeness of candidate and article alone, for which it trains
    an encoder on 200 000 articles. Some hundred articles do not train an encoder; they suffice for the weights of a
    few features, of which that closeness is one.

    Args:
        examples: what to fit on.
        penalty: L2 penalty, above 0.
        features: places of the features that may have a weight; None for all.

    Raises:
        TrainingDataError: no article has candidates of which one is better.
    """
    everything = np.concatenate([example.features for example in examples])
    means = np.nanmean(everything, axis=0)
    deviations = np.nanstd(everything, axis=0)
    # A feature that is the same everywhere keeps its scale: its differences are 0, and so its weight.
    deviations[deviations < 1e-9] = 1.0
    differences, importance = _preferences(examples, means, deviations)
    kept = np.arange(len(means)) if features is None else np.array(features, dtype=np.int64)
    weights = np.zeros(len(means))
    weights[kept] = _minimise(differences[:, kept], importance, penalty)
    return Ranker(means, deviations, weights)


def choose_penalty(examples: Sequence[RankingExample]) -> tuple[float, list[Validation]]:
    """Chooses the L2 penalty by cross-validation over articles.

    It is the strongest one whose loss against the best is within one standard error of that loss: what cannot be
    told from the best but depends less on the sample (Hastie, Tibshirani & Friedman 2009, section 7.10).

    Returns:
        the penalty, and how each did.

    Raises:
        TrainingDataError: there are fewer articles than folds.
    """
    if len(examples) < _FOLDS:
        raise TrainingDataError(f"{len(examples)} articles are too few to fit a scorer on")
    chosen = np.stack([cross_validated_rouge(examples, penalty) for penalty in PENALTIES])
    losses = chosen[int(np.argmax(chosen.mean(axis=1)))] - chosen
    errors = losses.std(axis=1, ddof=1) / np.sqrt(len(examples))
    tried = [
        Validation(penalty, float(rouge), float(loss), float(error))
        for penalty, rouge, loss, error in zip(
            PENALTIES, chosen.mean(axis=1), losses.mean(axis=1), errors, strict=True
        )
    ]
    return max(each.penalty for each in tried if each.loss <= each.loss_error), tried


def chosen_rouge(ranker: Ranker, examples: Sequence[RankingExample]) -> Floats:
    """Returns the ROUGE of the candidate that is chosen for each article: ``float64 [articles]``."""
    return np.array([example.rouge[example.choose(ranker.qualities(example))] for example in examples])


def cross_validated_rouge(
    examples: Sequence[RankingExample], penalty: float, *, features: Sequence[int] | None = None
) -> Floats:
    """Returns the ROUGE of the candidate that a ranker fitted on other articles chooses: ``float64 [articles]``.

    The arguments are those of `fit_ranker`, with at least as many examples as there are folds, which is 5.
    """
    rouge = np.zeros(len(examples))
    for fold in range(_FOLDS):
        others = [each for place, each in enumerate(examples) if place % _FOLDS != fold]
        ranker = fit_ranker(others, penalty, features=features)
        rouge[fold::_FOLDS] = chosen_rouge(ranker, examples[fold::_FOLDS])
    return rouge


def _standardise(features: Floats, means: Floats, deviations: Floats) -> Floats:
    """Features that are not known become average."""
    standardised: Floats = np.nan_to_num((features - means) / deviations, nan=0.0)
    return standardised


def _preferences(
    examples: Sequence[RankingExample], means: Floats, deviations: Floats
) -> tuple[Floats, Floats]:
    """Returns the pairs as better minus worse, ``[pairs, features]``, and their shares in the loss, ``[pairs]``."""
    differences, importance = [], []
    for example in examples:
        standardised = _standardise(example.features, means, deviations)
        # Between tiers the server does not ask the ranker.
        same_tier = example.tiers[:, None] == example.tiers[None, :]
        better, worse = np.nonzero((example.rouge[:, None] > example.rouge[None, :]) & same_tier)
        if len(better):
            differences.append(standardised[better] - standardised[worse])
            importance.append((example.rouge[better] - example.rouge[worse]) / len(better))
    if not differences:
        raise TrainingDataError("no article has candidates of which one is better than another")
    shares = np.concatenate(importance)
    return np.concatenate(differences), shares / shares.sum()


def _minimise(differences: Floats, importance: Floats, penalty: float) -> Floats:
    """Newton's method, with halved steps where a whole one goes too far, on a strictly convex loss."""
    weights = np.zeros(differences.shape[1])
    for _ in range(_MAX_NEWTON_STEPS):
        mistaken = np.exp(-np.logaddexp(0.0, differences @ weights))
        gradient = penalty * weights - (importance * mistaken) @ differences
        curvature = (differences * (importance * mistaken * (1 - mistaken))[:, None]).T @ differences
        step = np.linalg.solve(curvature + penalty * np.eye(len(weights)), gradient)
        loss = _loss(weights, differences, importance, penalty)
        while _loss(weights - step, differences, importance, penalty) > loss:
            step = step / 2
            if np.abs(step).max() < _CONVERGED:
                return weights
        weights = weights - step
        if np.abs(step).max() < _CONVERGED:
            break
    return weights


def _loss(weights: Floats, differences: Floats, importance: Floats, penalty: float) -> float:
    logistic = np.logaddexp(0.0, -(differences @ weights))
    return float(importance @ logistic + penalty / 2 * (weights @ weights))
