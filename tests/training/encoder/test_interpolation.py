"""Tests of the gate: what it lets through, how much of it, and what it refuses."""

import numpy as np
import pytest
import torch
from gistwire_training.encoder.interpolation import (
    GateMeasurement,
    Interpolation,
    choose_interpolation,
    interpolate,
)
from gistwire_training.encoder.retrieval_evaluation import Values
from gistwire_training.errors import CheckpointError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

QUERIES = 400
BASE: Values = np.tile([0.2, 0.4, 0.6, 0.8], QUERIES // 4)
ONE_SOURCE = ["wire"] * QUERIES


def gained(amount: float, *, share: float = 0.5) -> Values:
    """The base's figures, better by this amount for a share of the queries."""
    values = BASE.copy()
    values[: int(share * QUERIES)] += amount
    return values


def chosen(by_alpha: dict[float, Values], sources: list[str] = ONE_SOURCE) -> Interpolation:
    return choose_interpolation(
        {alpha: GateMeasurement(values) for alpha, values in by_alpha.items()}, sources
    )


def test_what_is_better_is_let_through() -> None:
    choice = chosen({0.0: BASE, 0.5: gained(0.05), 1.0: gained(0.1)}, ONE_SOURCE)
    assert choice.alpha == 1
    assert choice.base_ndcg.value == pytest.approx(0.5)
    assert [score.alpha for score in choice.scores] == [0.5, 1]
    assert choice.scores[1].gain.value == pytest.approx(0.05)


def test_of_equals_the_closest_to_the_base_is_taken() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, QUERIES)
    by_alpha = {0.0: BASE, 0.25: gained(0.02), 0.5: gained(0.1), 1.0: gained(0.101) + noise - noise.mean()}
    assert chosen(by_alpha, ONE_SOURCE).alpha == 0.5


@pytest.mark.parametrize("amount", [0.0, -0.1])
def test_what_is_no_better_is_refused(amount: float) -> None:
    choice = chosen({0.0: BASE, 0.5: gained(amount), 1.0: gained(amount)}, ONE_SOURCE)
    assert choice.alpha == 0
    assert not any(score.admitted for score in choice.scores)


def test_what_is_better_by_chance_is_refused() -> None:
    noise = np.random.default_rng(2).normal(0, 0.3, QUERIES)
    assert chosen({0.0: BASE, 1.0: BASE + noise - noise.mean() + 0.001}, ONE_SOURCE).alpha == 0


def test_what_is_worse_for_one_source_is_refused() -> None:
    values = gained(0.3)
    values[-150:] -= 0.01
    sources = ["paper"] * (QUERIES - 150) + ["wire"] * 150
    choice = chosen({0.0: BASE, 1.0: values}, sources)
    assert choice.alpha == 0
    assert choice.scores[0].gain.low > 0
    assert choice.scores[0].gain_by_source["wire"] == pytest.approx(-0.01)


def test_a_source_of_few_queries_decides_nothing() -> None:
    values = gained(0.3)
    values[-20:] -= 0.01
    choice = chosen({0.0: BASE, 1.0: values}, ["paper"] * (QUERIES - 20) + ["wire"] * 20)
    assert choice.alpha == 1
    assert set(choice.scores[0].gain_by_source) == {"paper"}


def test_what_answers_the_guard_worse_is_refused() -> None:
    guard = np.array([0.9, 0.5, 1.0])
    measured = {
        0.0: GateMeasurement(BASE, guard),
        0.5: GateMeasurement(gained(0.05), guard[::-1].copy()),
        1.0: GateMeasurement(gained(0.3), guard - [0.02, 0, 0]),
    }
    choice = choose_interpolation(measured, ONE_SOURCE)
    assert choice.alpha == 0.5
    assert [score.admitted for score in choice.scores] == [True, False]
    assert choice.scores[0].guard_gain == pytest.approx(0)
    assert choice.scores[1].guard_gain == pytest.approx(-0.02 / 3)


def test_without_a_guard_none_is_told() -> None:
    assert chosen({0.0: BASE, 1.0: gained(0.1)}).scores[0].guard_gain is None


@settings(max_examples=20)
@given(arrays(np.float64, (3, 40), elements=st.floats(0, 1)))
def test_the_choice_is_never_worse_than_the_base(values: Values) -> None:
    by_alpha = dict(zip((0.0, 0.5, 1.0), values, strict=True))
    assert by_alpha[chosen(by_alpha, ["wire"] * 40).alpha].mean() >= values[0].mean()


def test_weights_lie_between_base_and_fine_tuned() -> None:
    base, tuned = {"a": torch.zeros(2), "frozen": torch.ones(1)}, {"a": torch.tensor([1.0, -2.0])}
    assert interpolate(base, tuned, 0.25)["a"].tolist() == [0.25, -0.5]
    assert torch.equal(interpolate(base, tuned, 0)["a"], base["a"])
    assert torch.equal(interpolate(base, tuned, 1)["a"], tuned["a"])
    with pytest.raises(CheckpointError, match="another encoder"):
        interpolate(base, {"b": torch.zeros(2)}, 0.5)
