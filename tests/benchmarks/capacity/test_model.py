"""Tests of costs, of the simulated server, and of sizes."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from gistwire_server.config import LimitsConfig, ServerConfig

from benchmarks.capacity.comparison import compare, comparison_text, errors
from benchmarks.capacity.costs import SearchCosts, costs_of, draft_share
from benchmarks.capacity.model import Scenario, simulate
from benchmarks.capacity.sizing import gpus_for, shards_for, size_replicas
from benchmarks.load.searches import DEGRADED, FULL, STEPPED_DOWN
from tests.benchmarks.load.figures import load_figures, run

_COSTS = SearchCosts(
    encode_s=0.004,
    retrieve_s=0.002,
    before_hits_s=0.004,
    stored_s=0.010,
    written_s=0.002,
    engine_s=0.040,
    engine_batch=4,
    one_candidate_share=0.5,
    client_s=0.004,
    client_written_s=0.001,
    hits=10,
    messages=14.0,
    sent_bytes=14_000.0,
    sent_written_bytes=20_000.0,
)
_CONFIG = ServerConfig(data_dir=Path())
_WARM = Scenario(
    costs=_COSTS, stored_share=1.0, known_share=0.0, cores=2, streams=1, rate_per_s=None, seconds=20.0
)


def test_one_search_at_a_time_takes_what_its_steps_do() -> None:
    outcome = simulate(_WARM, _CONFIG)
    assert {each.outcome for each in outcome.searches} == {FULL}
    for search in outcome.searches:
        assert search.first_hit_s == pytest.approx(0.010)
        assert search.final_s == pytest.approx(0.020)
    assert outcome.per_s(FULL) == pytest.approx(50.0, rel=0.02)
    # Half of two cores, as no two steps of a search overlap.
    assert outcome.busy_share == pytest.approx(0.5, rel=0.02)


def test_the_interpreter_limits_warm_searches_whatever_the_cores() -> None:
    outcome = simulate(replace(_WARM, streams=8, cores=16, seconds=15.0), _CONFIG)
    assert outcome.per_s(FULL, STEPPED_DOWN) == pytest.approx(1 / _COSTS.interpreter_s(1.0), rel=0.05)


def test_the_cores_limit_cold_searches() -> None:
    outcome = simulate(replace(_WARM, stored_share=0.0, streams=4, seconds=200.0), _CONFIG)
    assert outcome.per_s(FULL) == pytest.approx(2 / _COSTS.cpu_s(0.0), rel=0.06)
    assert outcome.busy_share > 0.93


def test_far_too_many_searches_are_stepped_down_and_refused_by_the_servers_own_admission() -> None:
    outcome = simulate(replace(_WARM, stored_share=0.0, streams=None, rate_per_s=40.0, seconds=15.0), _CONFIG)
    outcomes = Counter(each.outcome for each in outcome.searches)
    assert outcomes["refused: OVERLOADED"] > 0
    assert outcomes[STEPPED_DOWN] > outcomes[FULL]


def test_what_cannot_be_written_in_time_is_given_up() -> None:
    limits = LimitsConfig(default_deadline_s=0.15)
    config = ServerConfig(data_dir=Path(), limits=limits)
    cold = replace(_WARM, stored_share=0.0, candidates=1)
    outcome = simulate(cold, config)
    assert {each.outcome for each in outcome.searches} == {DEGRADED}
    assert all((each.final_s or 1.0) < 0.2 for each in outcome.searches)
    assert {each.outcome for each in simulate(cold, _CONFIG).searches} == {FULL}


def test_a_seed_gives_the_same_again() -> None:
    scenario = replace(_WARM, stored_share=0.5, streams=None, rate_per_s=3.0)
    first, again, other = (simulate(replace(scenario, seed=seed), _CONFIG).searches for seed in (1, 1, 2))
    assert [each.final_s for each in first] == [each.final_s for each in again]
    assert [each.final_s for each in first] != [each.final_s for each in other]


def test_costs_come_from_loads_of_one_stream() -> None:
    costs = costs_of(
        load_figures(
            [
                run("hits", first_hit_ms=12.0),
                run("warm", cpu_ms=80.0, event_loop_ms=29.0, stored_share=0.9),
                run("warm", streams=8, cpu_ms=500.0),
                run("cold", cpu_ms=440.0, event_loop_ms=65.0),
            ]
        )
    )
    # Ten summaries are written for 360 ms, 36 ms of which are the event loop's.
    assert costs.engine_s == pytest.approx(0.0324)
    # All ten hits at a time, on two cores.
    assert costs.engine_batch == 5
    assert costs.written_s == pytest.approx(0.0036)
    assert costs.cpu_s(1.0) == pytest.approx(0.080 + costs.encode_s)
    assert costs.cpu_s(0.0) == pytest.approx(0.440 + costs.encode_s)
    assert costs.before_hits_s == pytest.approx(0.012 - 0.004 - 0.002 - 0.0005)
    assert costs.one_candidate_share == pytest.approx(0.5)


def test_drafts_share_what_is_read_up_to_five_of_them() -> None:
    shares = [draft_share(articles, 2) for articles in (1, 2, 3, 5, 7)]
    assert shares == pytest.approx([1 / 0.85, 1.0, 0.8148, 2 / 3, 2 / 3], abs=1e-3)
    assert [draft_share(each, each) for each in (1, 4, 9)] == [1.0, 1.0, 1.0]


def test_costs_need_all_loads() -> None:
    with pytest.raises(ValueError, match="'cold' is missing"):
        costs_of(load_figures([run("hits"), run("warm")]))
    with pytest.raises(ValueError, match="floors"):
        costs_of(load_figures([run("hits"), run("warm"), run("cold")], []))


def test_a_model_that_is_right_has_no_error() -> None:
    outcome = simulate(
        replace(_WARM, streams=2, with_client=True, known_share=1.0, counted_after=0.0, seconds=10.0)
    )
    final_ms = 1e3 * (outcome.searches[5].final_s or 0.0)
    measured = run(
        "warm",
        streams=2,
        full=len(outcome.searches),
        took_s=outcome.counted_s,
        final_ms=final_ms,
        stored_share=1.0,
    )
    found = compare(load_figures([run("hits"), run("warm", full=7), measured]), _COSTS, _CONFIG)
    assert len(found) == 2
    assert errors(found)["throughput"] < 0.02
    assert errors(found)["p50"] < 0.02
    # What was made up has a 95th percentile of twice the median.
    assert errors(found)["p95"] == pytest.approx(0.5, abs=0.02)
    assert "| warm, 2 streams |" in comparison_text(found)


def test_twice_the_load_takes_about_twice_the_replicas() -> None:
    sizes = [
        size_replicas(_COSTS, _CONFIG, searches_per_s=searches_per_s, stored_share=0.8, cores=2, p95_s=2.0)
        for searches_per_s in (40.0, 80.0)
    ]
    assert all(size.is_enough and size.full_share >= 0.99 for size in sizes)
    assert all(size.final_ms is not None and size.final_ms.p95 <= 2_000 for size in sizes)
    assert 1.7 < sizes[1].replicas / sizes[0].replicas < 2.3
    # No fewer than have the time for it at all.
    assert sizes[0].replicas >= 40.0 * _COSTS.cpu_s(0.8) / 2


def test_no_number_of_replicas_makes_one_search_faster() -> None:
    size = size_replicas(_COSTS, _CONFIG, searches_per_s=1.0, stored_share=0.0, cores=2, p95_s=0.05)
    assert not size.is_enough


def test_gpus_and_shards_by_what_was_measured() -> None:
    assert gpus_for(50.0, 0.6, 10) == 4
    assert gpus_for(1.0, 1.0, 10) == 0
    assert [shards_for(each) for each in (1, 1_000_000, 1_000_001)] == [1, 1, 2]
