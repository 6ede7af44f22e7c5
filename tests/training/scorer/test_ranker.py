import numpy as np
import pytest
from gistwire_training.errors import TrainingDataError
from gistwire_training.scorer.examples import Floats, RankingExample
from gistwire_training.scorer.ranker import (
    PENALTIES,
    Ranker,
    choose_penalty,
    chosen_rouge,
    cross_validated_rouge,
    fit_ranker,
)

_TRUTH = np.array([1.0, -2.0, 0.0])


def _example(features: Floats, rouge: Floats, tiers: list[int] | None = None) -> RankingExample:
    return RankingExample(
        article_id="a",
        source="s",
        features=features,
        novelties=np.ones(len(rouge)),
        tiers=np.array(tiers or [0] * len(rouge)),
        rouge=rouge,
    )


def _examples(count: int, *, noise: float = 0.0) -> list[RankingExample]:
    """Articles whose ROUGE follows the truth, each on a level of its own."""
    generator = np.random.default_rng(1)
    examples = []
    for _ in range(count):
        features = generator.normal(size=(6, 3)) * [1.0, 10.0, 0.1] + [5.0, -3.0, 0.0]
        rouge = features / [1.0, 10.0, 0.1] @ _TRUTH + noise * generator.normal(size=6)
        examples.append(_example(features, rouge + generator.normal()))
    return examples


def test_the_truth_is_found_whatever_the_scales_and_levels() -> None:
    ranker = fit_ranker(_examples(80), 1e-3)
    direction = ranker.weights / np.linalg.norm(ranker.weights)
    np.testing.assert_allclose(direction, _TRUTH / np.linalg.norm(_TRUTH), atol=0.03)
    held_out = _examples(200)[80:]
    oracle = np.array([each.rouge.max() for each in held_out])
    assert np.mean(oracle - chosen_rouge(ranker, held_out)) < 0.02


def test_fitting_is_deterministic_and_minimises_the_loss() -> None:
    examples = _examples(20, noise=1.0)
    first, second = fit_ranker(examples, 0.05), fit_ranker(examples, 0.05)
    np.testing.assert_array_equal(first.weights, second.weights)

    def loss(weights: Floats) -> float:
        total, articles = 0.0, 0.0
        for example in examples:
            logits = (example.features - first.means) / first.deviations @ weights
            gaps = example.rouge[:, None] - example.rouge[None, :]
            better = gaps > 0
            total += float((gaps * np.log1p(np.exp(logits[None, :] - logits[:, None])))[better].mean())
            articles += float(gaps[better].mean())
        return total / articles + 0.05 / 2 * float(weights @ weights)

    least = loss(first.weights)
    for step in np.eye(3) * 0.01:
        assert least < min(loss(first.weights + step), loss(first.weights - step))


def test_a_stronger_penalty_shrinks_the_weights() -> None:
    sizes = [np.linalg.norm(fit_ranker(_examples(20), penalty).weights) for penalty in PENALTIES]
    assert sizes == sorted(sizes, reverse=True)


def test_a_ranker_fitted_without_a_feature_does_not_use_it() -> None:
    ranker = fit_ranker(_examples(20), 0.01, features=[0, 2])
    assert ranker.weights[1] == 0.0
    assert ranker.weights[0] > 0.0


def test_unknown_features_count_as_average_and_constant_ones_for_nothing() -> None:
    features = np.array([[np.nan, 1.0], [1.0, 1.0], [3.0, 1.0]])
    ranker = fit_ranker([_example(features, np.array([0.2, 0.1, 0.3]))], 0.01)
    assert ranker.means[0] == 2.0
    assert ranker.weights[1] == 0.0
    unknown, low, high = ranker.qualities(_example(features, np.zeros(3)))
    assert low < unknown == 0.5 < high


def test_tiers_come_before_quality_and_of_equals_the_first_wins() -> None:
    ranker = Ranker(np.zeros(1), np.ones(1), np.ones(1))
    example = _example(np.array([[1.0], [9.0], [2.0], [2.0]]), np.arange(4.0), tiers=[0, 2, 0, 0])
    assert example.choose(ranker.qualities(example)) == 2


def test_repetition_divides_the_quality() -> None:
    example = _example(np.zeros((2, 1)), np.zeros(2))
    example.novelties[0] = 0.4
    qualities = Ranker(np.zeros(1), np.ones(1), np.ones(1)).qualities(example)
    np.testing.assert_allclose(qualities, [0.2, 0.5])


def test_the_strongest_penalty_that_is_about_as_good_as_the_best_is_chosen() -> None:
    examples = _examples(60, noise=2.0)
    penalty, tried = choose_penalty(examples)
    assert [each.penalty for each in tried] == list(PENALTIES)
    assert min(each.loss for each in tried) == 0.0
    assert all(each.loss > each.loss_error for each in tried if each.penalty > penalty)
    (chosen,) = (each for each in tried if each.penalty == penalty)
    assert chosen.loss <= chosen.loss_error
    assert chosen.rouge == pytest.approx(cross_validated_rouge(examples, penalty).mean())


def test_no_article_is_judged_by_a_ranker_fitted_on_it() -> None:
    # Only the last article says that the feature is good: fitted on it alone could it be chosen rightly.
    bad = [_example(np.array([[1.0], [0.0]]), np.array([0.1, 0.9])) for _ in range(4)]
    good = _example(np.array([[1.0], [0.0]]), np.array([90.0, 0.1]))
    assert cross_validated_rouge([*bad, good], 0.01)[-1] == pytest.approx(0.1)


def test_too_little_data_is_refused() -> None:
    with pytest.raises(TrainingDataError, match="too few"):
        choose_penalty(_examples(4))
    with pytest.raises(TrainingDataError, match="better"):
        fit_ranker([_example(np.ones((2, 1)), np.ones(2))], 1.0)
