"""Tests of `RetryBudget`: a share of all requests, and no more than was saved up."""

from gistwire_models.retry_budget import RetryBudget
from hypothesis import given
from hypothesis import strategies as st


def repeat_if_afforded(budget: RetryBudget) -> bool:
    if not budget.affords():
        return False
    budget.spend()
    return True


def test_in_the_long_run_a_share_of_requests_is_repeated() -> None:
    budget = RetryBudget(share=0.1, reserve=10)
    repeated = 0
    for _ in range(10_000):
        budget.earn()
        repeated += repeat_if_afforded(budget)
    assert repeated in range(1_000, 1_011)


@given(requests=st.lists(st.booleans(), max_size=500), share=st.floats(0, 1), reserve=st.floats(0, 20))
def test_whenever_they_fail_no_more_are_repeated_than_were_earned(
    requests: list[bool], share: float, reserve: float
) -> None:
    budget = RetryBudget(share=share, reserve=reserve)
    repeated = 0
    for fails in requests:
        budget.earn()
        repeated += fails and repeat_if_afforded(budget)
    assert repeated <= reserve + share * len(requests) + 1e-6


def test_a_quiet_time_saves_up_no_storm() -> None:
    budget = RetryBudget(share=0.5, reserve=3)
    for _ in range(1_000):
        budget.earn()
    assert [repeat_if_afforded(budget) for _ in range(5)] == [True, True, True, False, False]
