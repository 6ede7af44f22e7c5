"""Tests of `RateLimits` and its token buckets, with a clock of their own."""

import pytest
from gistwire_server.errors import QuotaExceededError, RateLimitedError
from gistwire_server.overload.config import CallerLimitsConfig, OverloadConfig
from gistwire_server.overload.rate_limits import RateLimits, TokenBuckets
from hypothesis import given
from hypothesis import strategies as st

from tests.server.overload.clock import Clock


def limits(clock: Clock, *callers: CallerLimitsConfig) -> RateLimits:
    return RateLimits(OverloadConfig(callers=callers), clock)


def allowed(rates: RateLimits, count: int, caller: str = "ada", tenant: str = "default") -> int:
    passed = 0
    for _ in range(count):
        try:
            rates.check(caller, tenant)
        except RateLimitedError:
            continue
        passed += 1
    return passed


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    rates = limits(clock, CallerLimitsConfig(requests_per_s=2, burst=5))
    assert allowed(rates, 20) == 5
    clock.now += 1
    assert allowed(rates, 20) == 2
    clock.now += 100
    assert allowed(rates, 20) == 5


def test_a_refusal_says_when_the_call_may_be_made() -> None:
    clock = Clock()
    rates = limits(clock, CallerLimitsConfig(requests_per_s=0.5, burst=1))
    rates.check("ada", "default")
    clock.now += 0.5
    with pytest.raises(RateLimitedError) as refused:
        rates.check("ada", "default")
    assert refused.value.retry_after_s == pytest.approx(1.5)
    clock.now += refused.value.retry_after_s
    rates.check("ada", "default")


def test_callers_and_tenants_have_their_own() -> None:
    rates = limits(Clock(), CallerLimitsConfig(requests_per_s=1, burst=3))
    assert allowed(rates, 9, "ada", "east") == 3
    assert allowed(rates, 9, "bob", "east") == 3
    assert allowed(rates, 9, "ada", "west") == 3


def test_the_callers_of_a_tenant_share_what_is_the_tenants() -> None:
    rates = limits(
        Clock(),
        CallerLimitsConfig(requests_per_s=1, burst=4),
        CallerLimitsConfig(requests_per_s=1, burst=6, shared_by="tenant", tenants="east"),
    )
    assert allowed(rates, 9, "ada", "east") == 4
    assert allowed(rates, 9, "bob", "east") == 2
    # What the tenant refused took nothing from the caller.
    assert allowed(rates, 9, "bob", "west") == 4


def test_the_first_that_fits_holds() -> None:
    rates = limits(
        Clock(),
        CallerLimitsConfig(callers="crawler-*", requests_per_s=1, burst=9, weight=0.5),
        CallerLimitsConfig(callers="trusted"),
        CallerLimitsConfig(requests_per_s=1, burst=2, weight=2),
    )
    assert allowed(rates, 99, "crawler-7") == 9
    assert allowed(rates, 99, "trusted") == 99
    assert allowed(rates, 99, "ada") == 2
    assert rates.weight("crawler-7", "default") == 0.5
    assert rates.weight("trusted", "default") == 1
    assert rates.weight("ada", "default") == 2


def test_nothing_is_limited_unless_configured() -> None:
    rates = RateLimits(OverloadConfig(), Clock())
    assert allowed(rates, 1_000) == 1_000
    for _ in range(1_000):
        rates.charge("ada", "default", 1e6)
    assert rates.weight("ada", "default") == 1


def test_the_work_of_a_day_comes_back_evenly() -> None:
    clock = Clock()
    rates = limits(clock, CallerLimitsConfig(cost_per_day=100))
    for _ in range(50):
        rates.charge("ada", "default", 2)
    with pytest.raises(QuotaExceededError) as refused:
        rates.charge("ada", "default", 2)
    assert refused.value.retry_after_s == pytest.approx(86_400 / 50)
    clock.now += 86_400 / 2
    for _ in range(25):
        rates.charge("ada", "default", 2)
    with pytest.raises(QuotaExceededError):
        rates.charge("ada", "default", 2)


def test_a_call_larger_than_a_day_takes_a_whole_day() -> None:
    clock = Clock()
    rates = limits(clock, CallerLimitsConfig(cost_per_day=1))
    rates.charge("ada", "default", 5)
    clock.now += 86_400
    rates.charge("ada", "default", 5)


def test_buckets_that_are_full_are_forgotten() -> None:
    clock = Clock()
    buckets = TokenBuckets(clock)
    for number in range(20_000):
        clock.now += 0.01
        assert buckets.take([((0, "default", str(number)), 1.0, 1.0)], 1.0) == 0
    assert len(buckets) <= 10_000


@given(
    pauses_s=st.lists(st.floats(0, 3), min_size=1, max_size=200),
    rate=st.floats(0.1, 50),
    burst=st.integers(1, 20),
)
def test_in_no_time_more_pass_than_burst_and_rate_allow(
    pauses_s: list[float], rate: float, burst: int
) -> None:
    clock = Clock()
    rates = limits(clock, CallerLimitsConfig(requests_per_s=rate, burst=burst))
    passed_at: list[float] = []
    for pause_s in pauses_s:
        clock.now += pause_s
        if allowed(rates, 1):
            passed_at.append(clock.now)
    for place, begin in enumerate(passed_at):
        for count, end in enumerate(passed_at[place:], start=1):
            assert count <= burst + rate * (end - begin) + 1e-6
