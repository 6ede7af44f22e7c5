"""Tests of whether a new summarizer may take the place of the active one."""

import math

import msgspec
import pytest
from gistwire_training.errors import PromotionRefusedError, RecipeError
from gistwire_training.evaluation.bootstrap import Estimate
from gistwire_training.registry import Gate, Measured, Verdict, judge
from hypothesis import given
from hypothesis import strategies as st

from tests.training.registry.conftest import GOOD


def failed(verdict: Verdict) -> list[str]:
    """Names of the checks that failed."""
    return [check.name for check in verdict.checks if not check.passed]


def rouge(value: float, *, half_width: float = 0.01) -> Estimate:
    """An estimate with a symmetric interval."""
    return Estimate(value, value - half_width, value + half_width)


def test_an_equal_candidate_passes_all_checks() -> None:
    verdict = judge(GOOD, GOOD, Gate())
    assert verdict.passed
    assert verdict.reasons == ()
    assert len({check.name for check in verdict.checks}) == len(verdict.checks) == 9
    verdict.raise_if_refused()


@pytest.mark.parametrize(
    ("within", "beyond", "name"),
    [
        ({"rouge": rouge(0.3971)}, {"rouge": rouge(0.3969)}, "ROUGE, beside the active version"),
        (
            {"rouge_over_baseline": Estimate(0.02, 0.0, 0.04)},
            {"rouge_over_baseline": Estimate(0.02, -0.0001, 0.04)},
            "ROUGE over the best baseline, lower end",
        ),
        ({"faithfulness": 0.9941}, {"faithfulness": 0.9939}, "faithfulness, beside the active version"),
        ({"latency_p95_ms": 114.9}, {"latency_p95_ms": 115.1}, "latency, 95th percentile, ms"),
        ({"size_bytes": 35_999_999}, {"size_bytes": 36_000_001}, "size, MB"),
        ({"largest_file_bytes": 40_000_000}, {"largest_file_bytes": 40_000_001}, "largest file, MB"),
    ],
)
def test_each_figure_has_its_limit(within: dict[str, object], beyond: dict[str, object], name: str) -> None:
    assert failed(judge(msgspec.structs.replace(GOOD, **within), GOOD, Gate())) == []
    assert failed(judge(msgspec.structs.replace(GOOD, **beyond), GOOD, Gate())) == [name]


def test_an_unfaithful_candidate_is_refused_though_the_active_one_is_no_better() -> None:
    unfaithful = msgspec.structs.replace(GOOD, faithfulness=0.9899)
    assert failed(judge(unfaithful, unfaithful, Gate())) == ["faithfulness"]


def test_a_narrow_interval_allows_less_than_the_tolerance() -> None:
    active = msgspec.structs.replace(GOOD, rouge=rouge(0.4, half_width=0.001))
    gate = Gate()
    assert judge(msgspec.structs.replace(GOOD, rouge=rouge(0.3991)), active, gate).passed
    assert not judge(msgspec.structs.replace(GOOD, rouge=rouge(0.3989)), active, gate).passed


def test_without_an_active_version_only_the_absolute_limits_hold() -> None:
    candidate = msgspec.structs.replace(GOOD, rouge=rouge(0.1), latency_p95_ms=5_000.0)
    assert judge(candidate, None, Gate()).passed
    assert failed(judge(msgspec.structs.replace(candidate, faithfulness=0.9), None, Gate())) == [
        "faithfulness"
    ]


@pytest.mark.parametrize(
    ("other", "name"), [({"data_hash": "d2"}, "same data"), ({"machine": "two cores"}, "same machine")]
)
def test_figures_of_other_data_or_machines_are_refused_and_not_compared(
    other: dict[str, str], name: str
) -> None:
    better = msgspec.structs.replace(GOOD, rouge=rouge(0.9), **other)
    verdict = judge(better, GOOD, Gate())
    assert failed(verdict) == [name]
    assert not any("beside the active version" in check.name for check in verdict.checks)
    assert all(value in verdict.reasons[0] for value in other.values())


def test_a_refusal_carries_all_reasons_with_their_figures() -> None:
    worse = msgspec.structs.replace(GOOD, faithfulness=0.98, latency_p95_ms=120.0)
    with pytest.raises(PromotionRefusedError) as refusal:
        judge(worse, GOOD, Gate()).raise_if_refused()
    assert refusal.value.reasons == (
        "faithfulness: 0.98, must be at least 0.99",
        "faithfulness, beside the active version: 0.98, must be at least 0.994",
        "latency, 95th percentile, ms: 120, must be at most 115",
    )


@pytest.mark.parametrize(
    "figure",
    [{"faithfulness": math.nan}, {"latency_p95_ms": math.inf}, {"rouge": Estimate(0.4, math.nan, 0.5)}],
)
def test_what_is_no_finite_number_is_no_figure(figure: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="news@1 measured what is no finite number"):
        Measured(**{**msgspec.structs.asdict(GOOD), **figure})


@pytest.mark.parametrize(
    "threshold",
    [{"rouge_tolerance": -0.1}, {"max_size_ratio": math.inf}, {"min_rouge_over_baseline": math.nan}],
)
def test_a_threshold_that_means_nothing_is_refused(threshold: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=next(iter(threshold))):
        Gate(**threshold)


def test_a_gate_with_an_unknown_threshold_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="max_latency"):
        msgspec.json.decode(b'{"max_latency":2}', type=Gate)


SHARES = st.floats(0, 1)
AMOUNTS = st.integers(0, 60_000_000)
ESTIMATES = st.builds(
    lambda value, width: Estimate(value, value - width, value + width), st.floats(0, 1), st.floats(0, 0.02)
)
MEASURED = st.builds(
    Measured,
    version=st.just("news@2"),
    data_hash=st.just("d1"),
    machine=st.just("one core"),
    rouge=ESTIMATES,
    rouge_over_baseline=ESTIMATES,
    faithfulness=st.floats(0.98, 1),
    latency_p95_ms=st.floats(0, 1_000),
    size_bytes=AMOUNTS,
    largest_file_bytes=AMOUNTS,
)
NEAR_ACTIVE = st.builds(
    lambda gain, lead, faithfulness, latency_ms, size, largest: msgspec.structs.replace(
        GOOD,
        rouge=rouge(0.4 + gain),
        rouge_over_baseline=Estimate(0.03, lead, 0.04),
        faithfulness=faithfulness,
        latency_p95_ms=latency_ms,
        size_bytes=size,
        largest_file_bytes=largest,
    ),
    st.floats(-0.005, 0.02),
    st.floats(-0.01, 0.03),
    st.floats(0.989, 1),
    st.floats(50, 130),
    st.integers(10_000_000, 40_000_000),
    st.integers(10_000_000, 45_000_000),
)


@given(
    candidate=MEASURED | NEAR_ACTIVE,
    active=st.none() | MEASURED | st.just(GOOD),
    gain=SHARES,
    faithfulness_gain=SHARES,
    factor=SHARES,
)
def test_a_better_figure_never_turns_a_pass_into_a_refusal(
    candidate: Measured, active: Measured | None, gain: float, faithfulness_gain: float, factor: float
) -> None:
    better = msgspec.structs.replace(
        candidate,
        rouge=shifted(candidate.rouge, gain),
        rouge_over_baseline=shifted(candidate.rouge_over_baseline, gain),
        faithfulness=candidate.faithfulness + faithfulness_gain * (1 - candidate.faithfulness),
        latency_p95_ms=candidate.latency_p95_ms * factor,
        size_bytes=int(candidate.size_bytes * factor),
        largest_file_bytes=int(candidate.largest_file_bytes * factor),
    )
    before, after = judge(candidate, active, Gate()), judge(better, active, Gate())
    assert set(failed(after)) <= set(failed(before))


def shifted(estimate: Estimate, by: float) -> Estimate:
    """The estimate with its interval, moved."""
    return Estimate(estimate.value + by, estimate.low + by, estimate.high + by)


@given(candidate=NEAR_ACTIVE, loosening=st.floats(0, 1))
def test_a_looser_gate_refuses_nothing_more(candidate: Measured, loosening: float) -> None:
    strict = Gate()
    loose = Gate(
        rouge_tolerance=strict.rouge_tolerance + loosening,
        min_rouge_over_baseline=strict.min_rouge_over_baseline - loosening,
        min_faithfulness=strict.min_faithfulness * (1 - loosening),
        faithfulness_tolerance=strict.faithfulness_tolerance + loosening,
        max_latency_ratio=strict.max_latency_ratio + loosening,
        max_size_ratio=strict.max_size_ratio + loosening,
        max_file_mb=strict.max_file_mb + loosening,
    )
    assert set(failed(judge(candidate, GOOD, loose))) <= set(failed(judge(candidate, GOOD, strict)))


@given(candidate=NEAR_ACTIVE, active=st.none() | st.just(GOOD))
def test_a_verdict_passes_just_when_every_check_does_and_survives_json(
    candidate: Measured, active: Measured | None
) -> None:
    verdict = judge(candidate, active, Gate())
    assert verdict.passed == all(check.passed for check in verdict.checks) == (verdict.reasons == ())
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
