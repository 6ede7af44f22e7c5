"""Tests of which systems are measured."""

import pytest

from benchmarks.peers.errors import ElasticsearchNeededError
from benchmarks.peers.systems import OURS, SYSTEMS, chosen


def names(*wanted: str, has_elasticsearch: bool = False) -> list[str]:
    return [each.name for each in chosen(wanted, has_elasticsearch=has_elasticsearch)]


def test_ours_is_always_there_and_first() -> None:
    assert names("txtai") == [OURS, "txtai"]
    assert names()[0] == OURS


def test_all_that_can_run_are_measured_unless_some_are_named() -> None:
    assert set(names()) == {each.name for each in SYSTEMS if not each.needs_elasticsearch}
    assert names(has_elasticsearch=True) == [each.name for each in SYSTEMS]


def test_one_that_needs_a_cluster_is_refused_without_one() -> None:
    with pytest.raises(ElasticsearchNeededError, match="--elasticsearch-url"):
        names("haystack, Elasticsearch")
    assert "haystack, Elasticsearch" in names("haystack, Elasticsearch", has_elasticsearch=True)


def test_each_peer_has_its_variant_with_our_engine() -> None:
    for each in SYSTEMS:
        if each.environment is not None and not each.has_our_engine and not each.needs_elasticsearch:
            assert f"{each.name} + our engine" in names()
