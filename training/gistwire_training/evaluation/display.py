"""How texts and figures are put into words for a reader: used by all forms of the report."""

import re
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from gistwire_training.evaluation.bootstrap import Estimate
from gistwire_training.evaluation.comparison import EvaluatedPair, Evaluation, Output
from gistwire_training.evaluation.corpus_metrics import METRICS, Metric
from gistwire_training.evaluation.tasks import Task

JUDGING_METRICS = tuple(metric for metric in METRICS if metric.better is not None)
"""Metrics that say which system is better."""
DESCRIBING_METRICS = tuple(metric for metric in METRICS if metric.better is None)
"""Metrics that say what kind of text a system writes."""

TITLES: dict[Task, str] = {
    "summary": "Summaries from headline and body",
    "headline": "Headlines from the body alone",
}
"""Title of the report on each task."""

Sample: TypeAlias = tuple[EvaluatedPair, list[tuple[str, Output]]]
"""A pair and, by the name of each system, what it wrote."""

# Control characters, lone surrogates and the signs that change the direction of what follows.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def safe_text(text: str) -> str:
    """Returns a text without characters that no reader sees but that change how others are shown."""
    return _UNSAFE.sub(" ", text)


def source_name(source: str | None) -> str:
    """Returns how a source is called, None being all of them."""
    if source is None:
        return "All sources"
    return safe_text(source) or "no source"


def format_value(metric: Metric, value: float) -> str:
    """Writes a figure with one decimal, shares in per cent without the sign."""
    return f"{value * _scale(metric):.1f}"


def format_interval(metric: Metric, estimate: Estimate) -> str:
    """Writes a confidence interval, such as ``"25.1–27.4"``."""
    return f"{format_value(metric, estimate.low)}–{format_value(metric, estimate.high)}"


def format_difference(metric: Metric, difference: Estimate) -> str:
    """Writes a difference and its interval, such as ``"+1.3 (+0.4 to +2.1)"``."""
    value, low, high = (
        _format_signed(each * _scale(metric)) for each in (difference.value, difference.low, difference.high)
    )
    return f"{value} ({low} to {high})"


def is_improvement(metric: Metric, difference: Estimate) -> bool | None:
    """Tells whether a difference is for the better; None if its interval holds zero."""
    if not difference.excludes_zero:
        return None
    return (difference.value > 0) == (metric.better == "higher")


def describe(evaluation: Evaluation) -> str:
    """Says in one line what was evaluated and how."""
    sources = len({pair.source for pair in evaluation.pairs})
    return (
        f"{len(evaluation.pairs)} pairs of {sources} source{'s' if sources > 1 else ''}, "
        f"{len(evaluation.runs)} systems. Intervals: 95 %, {evaluation.resamples} bootstrap resamples."
    )


def draw_samples(evaluation: Evaluation, count: int, seed: int) -> list[Sample]:
    """Draws pairs at random, each with what every system wrote, in the order of the evaluation.

    Args:
        evaluation: where they are drawn from.
        count: how many; all, if there are fewer.
        seed: another seed draws others.
    """
    total = len(evaluation.pairs)
    places: Sequence[int] = sorted(
        np.random.default_rng(seed).choice(total, size=min(count, total), replace=False).tolist()
    )
    return [
        (evaluation.pairs[place], [(run.system, run.outputs[place]) for run in evaluation.runs])
        for place in places
    ]


def _format_signed(value: float) -> str:
    written = f"{value:+.1f}".replace("-", "−")
    return "0.0" if written[1:] == "0.0" else written


def _scale(metric: Metric) -> int:
    return 100 if metric.is_share else 1
