from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from gistwire_server.plan import RankWeights
from gistwire_server.ranking import RankedHit, RankedSignals, rank, ranking_event, recency, source_quality
from hypothesis import given
from hypothesis import strategies as st

WEIGHTS = RankWeights(
    query_similarity=1.0, fusion=0.5, recency=0.2, interest=0.5, source_quality=0.1, redundancy=0.0
)
NOW = datetime(2026, 11, 1, tzinfo=UTC)

shares = st.floats(0, 1)
signal_lists = st.lists(
    st.tuples(shares, st.none() | shares, st.none() | shares, st.none() | shares), min_size=0, max_size=12
).map(
    lambda rows: [
        RankedSignals(
            hit_id=f"h{place}",
            article_id=f"a{place}",
            fusion=fusion,
            dense=dense,
            query_similarity=query_similarity,
            recency=fresh,
            embedding=np.eye(12, dtype=np.float32)[place],
        )
        for place, (fusion, dense, query_similarity, fresh) in enumerate(rows)
    ]
)


def signals(hit_id: str, fusion: float = 0.5, **known: Any) -> RankedSignals:
    return RankedSignals(hit_id=hit_id, article_id=f"article-{hit_id}", fusion=fusion, **known)


def ids(order: list[RankedHit]) -> list[str]:
    return [each.signals.hit_id for each in order]


def test_score_is_the_weighted_sum_of_known_signals() -> None:
    (ranked,) = rank([signals("h1", 0.5, query_similarity=0.8, recency=0.5, source_quality=1.0)], WEIGHTS)
    assert ranked.score == pytest.approx(0.8 + 0.25 + 0.1 + 0.1)


def test_closeness_of_summary_and_query_decides() -> None:
    order = rank(
        [signals("h1", 0.6, query_similarity=0.5), signals("h2", 0.5, query_similarity=0.9)], WEIGHTS
    )
    assert ids(order) == ["h2", "h1"]


def test_a_hit_without_summary_stands_in_with_its_article() -> None:
    late = signals("h1", 0.5, dense=0.9)
    summarized = signals("h2", 0.5, dense=0.9, query_similarity=0.7)
    assert ids(rank([summarized, late], WEIGHTS)) == ["h1", "h2"]


def test_what_all_users_think_counts_where_it_has_a_weight() -> None:
    hits = [signals("h1"), signals("h2", popularity=1.0), signals("h3", collaborative=1.0)]
    weights = replace(WEIGHTS, popularity=0.2, collaborative=0.3)
    assert ids(rank(hits, weights)) == ["h3", "h2", "h1"]
    assert ids(rank(hits, WEIGHTS)) == ["h1", "h2", "h3"]
    (shown, *_) = ranking_event(rank(hits, weights), final=True).order
    assert shown.signals.collaborative == 1.0


def test_interest_lifts_a_hit() -> None:
    order = rank(
        [signals("h1", query_similarity=0.7), signals("h2", query_similarity=0.6, interest=0.9)], WEIGHTS
    )
    assert ids(order) == ["h2", "h1"]


def test_a_hit_that_repeats_one_above_falls_behind_another() -> None:
    story, other = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    hits = [
        RankedSignals(hit_id="h1", article_id="a1", fusion=1.0, embedding=story),
        RankedSignals(hit_id="h2", article_id="a2", fusion=0.9, embedding=story),
        RankedSignals(hit_id="h3", article_id="a3", fusion=0.8, embedding=other),
    ]
    weights = RankWeights(
        query_similarity=1, fusion=1, recency=0, interest=0, source_quality=0, redundancy=0.5
    )
    order = rank(hits, weights)
    assert ids(order) == ["h1", "h3", "h2"]
    assert [each.redundancy for each in order] == [None, 0.0, 1.0]


@given(signal_lists)
def test_every_hit_is_ranked_once_best_first(hits: list[RankedSignals]) -> None:
    order = rank(hits, WEIGHTS)
    assert sorted(ids(order)) == sorted(hit.hit_id for hit in hits)
    scores = [each.score for each in order]
    assert scores == sorted(scores, reverse=True)


@given(signal_lists)
def test_ties_keep_the_given_order(hits: list[RankedSignals]) -> None:
    same = [
        RankedSignals(hit_id=hit.hit_id, article_id=hit.article_id, fusion=0.5, embedding=hit.embedding)
        for hit in hits
    ]
    assert ids(rank(same, WEIGHTS)) == [hit.hit_id for hit in hits]


@given(st.floats(0, 1e9), st.floats(60, 1e8))
def test_recency_halves_with_each_half_life(age_s: float, half_life_s: float) -> None:
    fresh = recency(NOW - timedelta(seconds=age_s), NOW, half_life_s)
    older = recency(NOW - timedelta(seconds=age_s + half_life_s), NOW, half_life_s)
    assert fresh is not None
    assert older == pytest.approx(fresh / 2, abs=1e-6)


def test_recency_of_undated_and_of_future_articles() -> None:
    assert recency(None, NOW, 60.0) is None
    assert recency(NOW + timedelta(days=1), NOW, 60.0) == 1.0


def test_source_quality_is_unknown_unless_the_deployment_names_sources() -> None:
    assert source_quality("Wire", {}) is None
    assert source_quality("Wire", {"Wire": 0.9}) == 0.9
    assert source_quality("Other", {"Wire": 0.9}) == 0.5


def test_ranking_event_names_places_and_leaves_unknown_signals_absent() -> None:
    event = ranking_event(rank([signals("h1", query_similarity=0.25)], WEIGHTS), final=True)
    (place,) = event.order
    assert event.final
    assert (place.hit_id, place.rank) == ("h1", 1)
    assert place.signals.query_similarity == 0.25
    assert not place.signals.HasField("recency")
    assert not place.signals.HasField("redundancy")
