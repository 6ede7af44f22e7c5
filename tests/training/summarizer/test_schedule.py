import pytest
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.schedule import learning_rate_factor
from hypothesis import given
from hypothesis import strategies as st

RECIPE = SummarizerRecipe(steps=110, warmup_steps=10)


def test_rises_in_a_straight_line_to_the_highest_rate() -> None:
    assert [learning_rate_factor(step, RECIPE) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])


def test_falls_along_half_a_cosine() -> None:
    assert learning_rate_factor(10, RECIPE) == pytest.approx(1.0)
    # Half of the way between the highest and the last rate, half of the way through.
    assert learning_rate_factor(60, RECIPE) == pytest.approx((1 + learning_rate_factor(110, RECIPE)) / 2)
    assert 0 < learning_rate_factor(110, RECIPE) <= 0.1


def test_begins_at_the_highest_rate_without_warm_up() -> None:
    assert learning_rate_factor(0, SummarizerRecipe(steps=1, warmup_steps=0)) == pytest.approx(1.0)


@given(steps=st.integers(1, 500), warmup=st.integers(0, 600), step=st.integers(0, 600))
def test_stays_between_zero_and_one(steps: int, warmup: int, step: int) -> None:
    factor = learning_rate_factor(step, SummarizerRecipe(steps=steps, warmup_steps=warmup))
    assert 0 < factor <= 1


@given(step=st.integers(10, 108))
def test_never_rises_after_the_warm_up(step: int) -> None:
    assert learning_rate_factor(step + 1, RECIPE) <= learning_rate_factor(step, RECIPE)
