"""Tests of what loads are drawn from, and of percentiles."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.searches import arrivals, percentile, zipf


def test_the_second_of_a_zipf_distribution_comes_half_as_often_as_the_first() -> None:
    drawn = Counter(itertools.islice(zipf(["a", "b", "c"], seed=1), 30_000))
    whole = 1 + 1 / 2 + 1 / 3
    assert drawn["a"] / 30_000 == pytest.approx(1 / whole, rel=0.03)
    assert drawn["b"] / drawn["a"] == pytest.approx(1 / 2, rel=0.05)
    assert drawn["c"] / drawn["a"] == pytest.approx(1 / 3, rel=0.05)


def test_a_seed_draws_the_same_again() -> None:
    pool = [str(each) for each in range(50)]
    first, again, other = (list(itertools.islice(zipf(pool, seed=seed), 100)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_arrivals_are_a_poisson_process() -> None:
    times = list(arrivals(20.0, 500.0, seed=3))
    assert len(times) == pytest.approx(10_000, rel=0.03)
    assert times == sorted(times)
    assert times[-1] < 500.0
    gaps = [after - before for before, after in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    # Exponential: the standard deviation is the mean.
    assert variance**0.5 == pytest.approx(mean, rel=0.05)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 10.0), (0.95, 19.0), (0.99, 20.0), (1.0, 20.0)])
def test_percentiles_are_values_that_occurred(share: float, expected: float) -> None:
    assert percentile([float(each) for each in range(20, 0, -1)], share) == expected


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=200),
    st.floats(0.01, 1.0),
)
def test_a_percentile_exceeds_as_many_values_as_it_should(values: list[float], share: float) -> None:
    found = percentile(values, share)
    not_above = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert not_above >= share * len(values) - 1e-6
    assert below < share * len(values) + 1e-6
