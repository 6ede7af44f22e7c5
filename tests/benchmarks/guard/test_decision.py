"""Tests of the guard's decision: a real loss is seen, noise is not taken for one, and scatter is told."""

import pytest

from benchmarks.guard.decision import Verdict, judge, judge_again, median_interval

_STEADY = (1.02, 0.98, 1.05, 0.97, 1.01, 1.00, 1.03, 0.99, 0.96, 1.04, 1.00, 1.01)
"""Twelve rounds as a quiet machine has them, about 1."""

_WAVERING = (0.6, 2.4, 0.9, 1.9, 1.2, 2.2, 0.7, 1.6, 1.1, 2.6, 0.8, 1.7)
"""Twelve rounds of which anything could be said."""


def test_what_was_recorded_holds() -> None:
    judgement = judge(_STEADY, 1.0, tolerance=1.3)
    assert judgement.verdict is Verdict.HELD
    assert judgement.low <= judgement.median <= judgement.high < judgement.limit == 1.3


def test_a_loss_of_half_is_seen() -> None:
    assert judge([each * 1.5 for each in _STEADY], 1.0, tolerance=1.3).verdict is Verdict.LOST


def test_a_loss_within_the_tolerance_is_none() -> None:
    assert judge([each * 1.2 for each in _STEADY], 1.0, tolerance=1.3).verdict is Verdict.HELD


def test_a_median_beyond_the_limit_is_no_loss_while_the_interval_reaches_below_it() -> None:
    ratios = [each * 1.31 for each in _STEADY]
    judgement = judge(ratios, 1.0, tolerance=1.3)
    assert judgement.low < judgement.limit < judgement.median
    assert judgement.verdict is Verdict.HELD


def test_a_round_that_was_disturbed_counts_for_little() -> None:
    assert judge((*_STEADY[:11], 9.0), 1.0, tolerance=1.3).verdict is Verdict.HELD


def test_several_rounds_that_were_disturbed_are_measured_again_but_are_no_loss() -> None:
    assert judge((*_STEADY[:8], 4.0, 6.0, 9.0, 5.0), 1.0, tolerance=1.3).verdict is Verdict.UNCLEAR


def test_rounds_that_scatter_about_the_limit_say_nothing() -> None:
    assert judge(_WAVERING, 1.0, tolerance=1.3).verdict is Verdict.UNCLEAR


def test_rounds_that_scatter_below_the_limit_exclude_a_loss() -> None:
    assert judge(_WAVERING, 3.0, tolerance=1.3).verdict is Verdict.HELD


def test_rounds_that_scatter_above_the_limit_show_a_loss() -> None:
    assert judge(_WAVERING, 0.3, tolerance=1.3).verdict is Verdict.LOST


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Verdict.LOST, Verdict.LOST, Verdict.LOST),
        (Verdict.LOST, Verdict.HELD, Verdict.HELD),
        (Verdict.LOST, Verdict.UNCLEAR, Verdict.UNCLEAR),
        (Verdict.UNCLEAR, Verdict.LOST, Verdict.UNCLEAR),
        (Verdict.UNCLEAR, Verdict.HELD, Verdict.HELD),
        (Verdict.UNCLEAR, Verdict.UNCLEAR, Verdict.UNCLEAR),
    ],
)
def test_a_loss_is_one_only_if_it_is_said_twice(first: Verdict, second: Verdict, expected: Verdict) -> None:
    assert judge_again(first, second) is expected


def test_the_interval_contains_the_median_and_is_the_same_each_time() -> None:
    low, high = median_interval(_WAVERING)
    assert min(_WAVERING) <= low < 1.4 < high <= max(_WAVERING)
    assert median_interval(_WAVERING) == (low, high)


def test_the_interval_narrows_with_more_rounds() -> None:
    low, high = median_interval(_WAVERING)
    narrow_low, narrow_high = median_interval(_WAVERING * 8)
    assert narrow_high - narrow_low < high - low


def test_one_round_has_an_interval_without_extent() -> None:
    assert median_interval([1.4]) == (1.4, 1.4)
