"""Tests of confidence intervals."""

import numpy as np
import pytest
from gistwire_training.evaluation.bootstrap import Bootstrap, Estimate, ratio_of_sums
from hypothesis import given
from hypothesis import strategies as st


def means(values: list[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.column_stack([values, np.ones(len(values))])


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(7).normal(5.0, 2.0, size=400)
    estimate = Bootstrap(400, resamples=2000).estimate(means(values.tolist()))
    margin = 1.96 * values.std() / 20
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - margin, abs=0.03)
    assert estimate.high == pytest.approx(values.mean() + margin, abs=0.03)


def test_less_confidence_gives_a_narrower_interval() -> None:
    rows = means([0.0, 1.0] * 50)
    wide, narrow = (Bootstrap(100, confidence=each).estimate(rows) for each in (0.99, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_difference_is_estimated_pair_by_pair() -> None:
    # Pairs differ much among each other, but one system is always better by the same amount.
    values = np.random.default_rng(3).normal(0.0, 10.0, size=100)
    rows, better = means(values.tolist()), means((values + 0.5).tolist())
    difference = Bootstrap(100).estimate_difference(better, rows)
    assert difference.value == pytest.approx(0.5)
    assert difference.low == pytest.approx(0.5)
    assert difference.high == pytest.approx(0.5)
    assert difference.excludes_zero


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.integers(0, 99))
def test_intervals_lie_within_the_data_and_depend_on_the_seed_alone(values: list[float], seed: int) -> None:
    rows = means(values)
    estimate = Bootstrap(len(values), resamples=50, seed=seed).estimate(rows)
    assert min(values) - 1e-9 <= estimate.low <= estimate.high <= max(values) + 1e-9
    assert estimate == Bootstrap(len(values), resamples=50, seed=seed).estimate(rows)
    nothing = Bootstrap(len(values), resamples=50, seed=seed).estimate_difference(rows, rows)
    assert (nothing.value, nothing.excludes_zero) == (0.0, False)


def test_a_share_is_of_all_items_and_not_the_mean_of_shares() -> None:
    rows = np.array([[0.0, 1.0], [9.0, 9.0]])
    assert Bootstrap(2).estimate(rows).value == pytest.approx(0.9)


def test_a_share_of_nothing_is_whole() -> None:
    assert ratio_of_sums(np.array([[0.0, 0.0], [1.0, 4.0]])).tolist() == [1.0, 0.25]


@pytest.mark.parametrize(
    ("estimate", "excludes"),
    [
        (Estimate(1.0, 0.1, 2.0), True),
        (Estimate(-1.0, -2.0, -0.1), True),
        (Estimate(1.0, -0.1, 2.0), False),
        (Estimate(0.0, 1e-17, 1e-17), False),
    ],
)
def test_only_an_interval_on_one_side_excludes_zero(estimate: Estimate, excludes: bool) -> None:
    assert estimate.excludes_zero is excludes


@pytest.mark.parametrize("wrong", [{"pairs": 0}, {"resamples": 0}, {"confidence": 1.0}])
def test_what_cannot_be_resampled_is_refused(wrong: dict[str, float]) -> None:
    arguments = {"pairs": 3, "resamples": 10, "confidence": 0.95} | wrong
    with pytest.raises(ValueError, match="at least 1"):
        Bootstrap(
            int(arguments["pairs"]),
            resamples=int(arguments["resamples"]),
            confidence=arguments["confidence"],
        )
