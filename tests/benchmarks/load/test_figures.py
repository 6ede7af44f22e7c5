"""Tests of how a load is summed up."""

import msgspec

from benchmarks.load.figures import LoadFigures, MemoryFigures, Percentiles, run_figures
from benchmarks.load.processes import Usage
from benchmarks.load.searches import (
    DEGRADED,
    FAILED,
    FULL,
    REFUSED,
    STEPPED_DOWN,
    Load,
    LoadReport,
    SearchRecord,
)
from tests.benchmarks.load.figures import load_figures, run

_LOAD = Load(target="there", queries=["a", "b"], streams=2)


def _search(query: str, outcome: str = FULL, *, final_s: float | None = 1.0) -> SearchRecord:
    return SearchRecord(
        query=query,
        outcome=outcome,
        first_hit_s=0.1,
        first_token_s=0.4,
        final_s=final_s,
        ended_s=0.002,
        generated=10,
        messages=12,
        sent_bytes=1_200,
    )


def test_times_and_generated_summaries_are_those_of_full_searches_alone() -> None:
    report = LoadReport(
        searches=[
            _search("a", final_s=1.0),
            _search("b", STEPPED_DOWN, final_s=0.01),
            _search("b", DEGRADED, final_s=0.02),
            _search("a", REFUSED + "OVERLOADED", final_s=None),
            _search("a", FAILED + "UNAVAILABLE", final_s=None),
        ],
        took_s=2.0,
        cpu_s=0.3,
    )
    found = run_figures("cold", _LOAD, report, Usage(6.0, 3.0, 200.0), stored={"a": 0.4})
    assert found.final_ms == Percentiles(1_000.0, 1_000.0, 1_000.0)
    assert found.first_token_ms is not None
    assert round(found.first_token_ms.p50) == 300
    assert found.stepped_down_final_ms == Percentiles(10.0, 10.0, 10.0)
    assert found.refused_ms == Percentiles(2.0, 2.0, 2.0)
    assert found.full_per_s == 0.5
    assert found.completed_per_s == 1.5
    assert found.generated_per_s == 5.0
    assert found.cpu_ms == 2_000.0
    assert found.event_loop_ms == 1_000.0
    assert round(found.generator_cpu_ms) == 100
    assert round(found.stored_share, 3) == 0.133
    assert found.repeated == 1
    assert found.outcomes["refused: OVERLOADED"] == 1


def test_a_load_of_which_nothing_is_full_has_no_times() -> None:
    report = LoadReport(searches=[_search("a", STEPPED_DOWN)], took_s=1.0)
    found = run_figures("warm", _LOAD, report, Usage(1.0, 0.5, 200.0), stored={})
    assert found.final_ms is None
    assert found.full_per_s == 0.0
    assert found.completed_per_s == 1.0


def test_growth_is_that_of_ten_thousand_calls() -> None:
    assert MemoryFigures("warm", 5_000, 200.0, 201.0).growth_mb == 2.0


def test_figures_survive_json() -> None:
    figures = load_figures([run("warm", stepped_down=3), run("cold", streams=None)])
    figures.growth = [MemoryFigures("warm", 5_000, 200.0, 201.0)]
    assert msgspec.json.decode(msgspec.json.encode(figures), type=LoadFigures) == figures
