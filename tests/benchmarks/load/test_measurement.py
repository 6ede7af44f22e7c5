"""Test of a whole measurement: real servers, loads and floors, as short as they may be."""

from pathlib import Path

import pytest

from benchmarks.capacity.costs import costs_of
from benchmarks.load.corpus import CorpusOptions
from benchmarks.load.measurement import LoadOptions, measure_load
from benchmarks.load.preparation import prepare_corpus
from benchmarks.load.searches import FULL
from benchmarks.load.setting import ServerSetting
from benchmarks.load.targets import target_rows


def test_a_measurement_has_its_loads_floors_and_states(tmp_path: Path) -> None:
    corpus_options = CorpusOptions(
        sources=(), articles=None, top_k=5, cold=6, pool=6, setting=ServerSetting()
    )
    options = LoadOptions(
        kinds=("cold", "warm", "again"),
        levels=(1,),
        rates=(),
        rate_shares=(),
        seconds=1.0,
        candidates=1,
        growth_calls=20,
        floors=True,
    )
    said: list[str] = []
    figures = measure_load(tmp_path / "load", corpus_options, options, said.append)

    runs = {run.kind: run for run in figures.runs}
    assert list(runs) == ["hits", "warm", "again", "cold"]
    for run in runs.values():
        assert run.outcomes[FULL] > 0
        assert not any(outcome.startswith("failed") for outcome in run.outcomes)
    assert runs["cold"].stored_share == 0.0
    # A few articles are not worth storing a summary of, in a corpus so small.
    assert runs["warm"].stored_share > 0.4
    # What is stored needs no writing.
    assert runs["warm"].cpu_ms < runs["cold"].cpu_ms
    # What is told again needs next to nothing.
    assert runs["again"].cpu_ms < runs["warm"].cpu_ms
    assert [(each.kind, each.calls) for each in figures.growth] == [("warm", 20), ("again", 20)]
    assert len(figures.floors) == 3
    assert len(target_rows(figures)) == 10
    assert costs_of(figures).engine_s > 0

    # A later run finds all that there is.
    again = prepare_corpus(tmp_path / "load", corpus_options)
    assert len(again.cold) > 0
    assert set(again.cold).isdisjoint(again.pool)
    assert all(0.2 < share < 0.7 for share in again.stored["half"].values())


def test_too_few_articles_are_told_of(tmp_path: Path) -> None:
    source = tmp_path / "few.jsonl"
    source.write_text('{"headline": "A ferry is late", "body": "It came at noon."}\n', encoding="utf-8")
    options = CorpusOptions(
        sources=(str(source),), articles=None, top_k=5, cold=2, pool=1, setting=ServerSetting()
    )
    with pytest.raises(ValueError, match="too few"):
        prepare_corpus(tmp_path / "load", options)
