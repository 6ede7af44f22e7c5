"""Tests of what measurements come to."""

from dataclasses import replace

import pytest

from benchmarks.peers.figures import SystemFigures, agreement, figures_of, rouge1
from benchmarks.peers.known_items import KnownItem
from benchmarks.peers.measurement import Measured
from benchmarks.peers.peer_process import Answer

ITEMS = [KnownItem("harbour strike ends", "a"), KnownItem("rain in the north", "b")]
FOUND = Answer(
    hits=["a", "b"],
    summaries={"a": "the strike ends", "b": "rain"},
    order=["b", "a"],
    hits_s=0.01,
    first_text_s=0.02,
    final_s=0.1,
)
MISSED = replace(FOUND, hits=["c", "d"], summaries={"c": "x", "d": "y"}, final_s=0.3)


def measured_of(*answers: Answer) -> Measured:
    return Measured(
        answers=dict(enumerate(answers)),
        took_s=0.4,
        cpu_s=0.6,
        busy_searches=4,
        busy_s=0.5,
        busy_cpu_s=1.0,
        busy_final_s=[0.2, 0.3],
        memory_mb=250.0,
    )


def figures(name: str, **measured: Measured) -> SystemFigures:
    return figures_of(name, measured, ITEMS, ours="ours", versions={"x": "1"})


def test_times_are_in_milliseconds_and_rates_are_of_all_searches() -> None:
    found = figures("ours", ours=measured_of(FOUND, MISSED))
    times = [found.hits_ms.p50, found.first_text_ms.p95, found.final_ms.p50, found.final_ms.p95]
    assert times == pytest.approx([10, 20, 100, 300])
    assert [found.alone_per_s, found.busy_per_s] == pytest.approx([5, 8])
    assert [found.cpu_s, found.busy_cpu_s] == pytest.approx([0.3, 0.25])


def test_recall_counts_the_searches_that_found_their_item() -> None:
    assert figures("ours", ours=measured_of(FOUND, MISSED)).recall == 0.5


def test_agreement_is_with_our_hits() -> None:
    assert figures("other", ours=measured_of(FOUND, FOUND), other=measured_of(FOUND, MISSED)).agreement == 0.5
    assert agreement(["a", "b", "c", "d"], ["d", "a"]) == 0.5
    assert agreement([], ["a"]) == 0


def test_summaries_are_compared_only_where_every_system_has_found_the_item() -> None:
    both = figures("ours", ours=measured_of(FOUND, FOUND), other=measured_of(FOUND, MISSED))
    assert both.rouge1 == pytest.approx(rouge1("harbour strike ends", "the strike ends"))
    assert both.rouge1 == pytest.approx(2 / 3)
    neither = figures("ours", ours=measured_of(FOUND, FOUND), other=measured_of(MISSED, MISSED))
    assert neither.rouge1 is None
