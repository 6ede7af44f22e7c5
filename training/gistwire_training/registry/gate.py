"""Whether a new summarizer may take the place of the active one, from what both measured: start at `judge`."""

import math
from collections.abc import Iterator
from typing import Literal

import msgspec

from gistwire_training.errors import PromotionRefusedError, RecipeError
from gistwire_training.evaluation.bootstrap import Estimate


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a candidate must reach. A size of 1 MB is 10⁶ bytes.

    Attributes:
        rouge_tolerance: how far ROUGE may lie below the active version's, at most. It may also lie no further
            below than half the width of that version's interval, so that a large held-out set lets less pass.
        min_rouge_over_baseline: what the lower end of the interval of (ROUGE − the best baseline's) must
            reach; 0: the candidate is better with the interval's confidence. It also stops versions from
            each giving away the tolerance.
        min_faithfulness: smallest faithfulness, in [0, 1].
        faithfulness_tolerance: how far faithfulness may lie below the active version's.
        max_latency_ratio: largest 95th percentile of the time for a summary, in that of the active version.
        max_size_ratio: largest size of all files together, in that of the active version.
        max_file_mb: largest single file, in MB; larger ones burden a repository that holds them.
    """

    rouge_tolerance: float = 0.003
    min_rouge_over_baseline: float = 0.0
    min_faithfulness: float = 0.99
    faithfulness_tolerance: float = 0.002
    max_latency_ratio: float = 1.15
    max_size_ratio: float = 1.2
    max_file_mb: float = 40.0

    def __post_init__(self) -> None:
        """Checks the thresholds.

        Raises:
            RecipeError: a threshold is no finite number, or a tolerance, a ratio or a size is negative.
        """
        thresholds = msgspec.structs.asdict(self)
        for name, value in thresholds.items():
            if not math.isfinite(value) or (value < 0 and name != "min_rouge_over_baseline"):
                raise RecipeError(f"{name} cannot be {value}")


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a version of the summarizer measured on held-out pairs.

    Attributes:
        version: name and version of the model.
        data_hash: `hash_pairs` of the pairs.
        machine: processor and number of threads; times of different ones are not compared.
        rouge: mean of the F scores of ROUGE-1, 2 and L, in [0, 1].
        rouge_over_baseline: by how much that exceeds the best baseline's, on the same resamples.
        faithfulness: share of numbers and names in the summaries that stand in their sources, in [0, 1].
        latency_p95_ms: 95th percentile of the time for a summary.
        size_bytes: of all its files.
        largest_file_bytes: of its largest file.
    """

    version: str
    data_hash: str
    machine: str
    rouge: Estimate
    rouge_over_baseline: Estimate
    faithfulness: float
    latency_p95_ms: float
    size_bytes: int
    largest_file_bytes: int

    def __post_init__(self) -> None:
        """Checks the figures, for no comparison with what is no number means anything.

        Raises:
            ValueError: a figure is no finite number.
        """
        estimates = (self.rouge, self.rouge_over_baseline)
        ends = [end for estimate in estimates for end in (estimate.value, estimate.low, estimate.high)]
        if not all(map(math.isfinite, (*ends, self.faithfulness, self.latency_p95_ms))):
            raise ValueError(f"{self.version} measured what is no finite number")


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that the gate looked at.

    Attributes:
        name: what was looked at, such as ``"faithfulness"``.
        passed: whether it is as it must be.
        detail: what was found and what it must be, in a sentence for people.
        value: what was measured; None where it is no number.
        limit: what the value must reach or keep within; None where it is no number.
    """

    name: str
    passed: bool
    detail: str
    value: float | None = None
    limit: float | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What the gate found.

    Attributes:
        checks: all that it looked at.
    """

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether the candidate may be promoted."""
        return all(check.passed for check in self.checks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it may not: the detail of each check that failed."""
        return tuple(check.detail for check in self.checks if not check.passed)

    def raise_if_refused(self) -> None:
        """Does nothing if the candidate may be promoted.

        Raises:
            PromotionRefusedError: it may not; carries all reasons.
        """
        if not self.passed:
            raise PromotionRefusedError(self.reasons)


def judge(candidate: Measured, active: Measured | None, gate: Gate) -> Verdict:
    """Judges a candidate.

    Figures of another data set or machine than the active version's are refused, not compared.

    Args:
        candidate: what it measured.
        active: what the active version measured; None if there is none, which leaves the absolute limits.
        gate: the limits.
    """
    checks = list(_absolute(candidate, gate))
    if active is not None:
        comparable = list(_comparable(candidate, active))
        checks += comparable
        if all(check.passed for check in comparable):
            checks += _relative(candidate, active, gate)
    return Verdict(tuple(checks))


def _absolute(candidate: Measured, gate: Gate) -> Iterator[Check]:
    yield _limited(
        "ROUGE over the best baseline, lower end",
        candidate.rouge_over_baseline.low,
        "at least",
        gate.min_rouge_over_baseline,
    )
    yield _limited("faithfulness", candidate.faithfulness, "at least", gate.min_faithfulness)
    yield _limited("largest file, MB", candidate.largest_file_bytes / 1e6, "at most", gate.max_file_mb)


def _comparable(candidate: Measured, active: Measured) -> Iterator[Check]:
    for name, own, other in (
        ("data", candidate.data_hash, active.data_hash),
        ("machine", candidate.machine, active.machine),
    ):
        detail = f"measured on the {name} {own}, the active version on {other}"
        yield Check(name=f"same {name}", passed=own == other, detail=detail)


def _relative(candidate: Measured, active: Measured, gate: Gate) -> Iterator[Check]:
    half_width = (active.rouge.high - active.rouge.low) / 2
    yield _limited(
        "ROUGE, beside the active version",
        candidate.rouge.value,
        "at least",
        active.rouge.value - min(half_width, gate.rouge_tolerance),
    )
    yield _limited(
        "faithfulness, beside the active version",
        candidate.faithfulness,
        "at least",
        active.faithfulness - gate.faithfulness_tolerance,
    )
    yield _limited(
        "latency, 95th percentile, ms",
        candidate.latency_p95_ms,
        "at most",
        active.latency_p95_ms * gate.max_latency_ratio,
    )
    yield _limited(
        "size, MB", candidate.size_bytes / 1e6, "at most", active.size_bytes / 1e6 * gate.max_size_ratio
    )


def _limited(name: str, value: float, bound: Literal["at least", "at most"], limit: float) -> Check:
    passed = value >= limit if bound == "at least" else value <= limit
    detail = f"{name}: {value:.6g}, must be {bound} {limit:.6g}"
    return Check(name=name, passed=passed, detail=detail, value=value, limit=limit)
