"""Explanations of a search: contributions that add up to the score, and lists that add up to the fusion."""

import math
from dataclasses import replace

import numpy as np
import pytest
from gistwire.v1 import events_pb2
from gistwire_indexer.article import Article
from gistwire_indexer.index import Retrieved, RetrievedLists
from gistwire_server.explanation import explain_order, retrieval_contributions
from gistwire_server.pipeline import SearchEvent, search_events
from gistwire_server.plan import RankWeights, RetrievalPlan, SearchPlan
from gistwire_server.ranking import RankedSignals, rank
from gistwire_server.retrieval import fuse
from hypothesis import given
from hypothesis import strategies as st

from tests.server.conftest import PLAN, Bench
from tests.server.protocol import check_protocol, of_kind

UNIT = st.floats(0, 1)
KNOWN = st.none() | UNIT
WEIGHT = st.floats(0, 100)
SIGNALS = st.builds(
    RankedSignals,
    hit_id=st.just("h"),
    article_id=st.just("a"),
    fusion=KNOWN,
    dense=KNOWN,
    query_similarity=KNOWN,
    recency=KNOWN,
    interest=KNOWN,
    source_quality=KNOWN,
    popularity=KNOWN,
    collaborative=KNOWN,
    embedding=st.lists(UNIT, min_size=3, max_size=3).map(lambda each: np.array(each, dtype=np.float32)),
)
WEIGHTS = st.builds(RankWeights, *[WEIGHT] * 8)


def numbered(signals: list[RankedSignals]) -> list[RankedSignals]:
    return [replace(each, hit_id=f"h{place}") for place, each in enumerate(signals)]


@given(st.lists(SIGNALS, min_size=1, max_size=6).map(numbered), WEIGHTS)
def test_contributions_add_up_to_the_score_of_every_hit(
    hits: list[RankedSignals], weights: RankWeights
) -> None:
    order = rank(hits, weights)
    articles = {each.hit_id: Article(id="a", headline="Ferry") for each in hits}
    plan = replace(PLAN, rank=replace(PLAN.rank, weights=weights))
    explained = explain_order(order, articles, plan, dense_factor=1.0)
    for hit in order:
        made_of = explained[hit.signals.hit_id].contributions
        assert math.isclose(sum(each.contribution for each in made_of), hit.score, abs_tol=1e-9)
        assert all(math.isclose(each.weight * each.value, each.contribution) for each in made_of)
        assert [each.contribution for each in made_of] == sorted(
            (each.contribution for each in made_of), reverse=True
        )


@given(
    st.permutations(["a", "b", "c", "d"]),
    st.permutations(["b", "d", "e"]),
    st.floats(0.1, 100),
    st.floats(0.1, 100),
    st.integers(1, 1000),
    st.floats(0.1, 1),
)
def test_lists_add_up_to_the_fused_score(
    lexical: list[str],
    dense: list[str],
    lexical_weight: float,
    dense_weight: float,
    constant: int,
    factor: float,
) -> None:
    plan = RetrievalPlan(lexical_weight, dense_weight, constant, depth=10)
    lists = RetrievedLists(
        lexical=tuple(Retrieved(each, 1.0) for each in lexical),
        dense=tuple(Retrieved(each, 0.5) for each in dense),
    )
    fused = fuse(lists, plan, dense_factor=factor)
    best = max(
        sum(
            weight / (constant + ranks.index(article) + 1)
            for ranks, weight in ((lexical, lexical_weight), (dense, dense_weight * factor))
            if article in ranks
        )
        for article in {*lexical, *dense}
    )
    for hit in fused:
        signals = RankedSignals(
            "h", hit.id, fusion=hit.fusion, lexical_rank=hit.lexical_rank, dense_rank=hit.dense_rank
        )
        made_of = retrieval_contributions(signals, plan, dense_factor=factor)
        assert math.isclose(sum(each.contribution for each in made_of), hit.fusion)
        for each in made_of:
            assert math.isclose(each.contribution, each.weight / (constant + each.rank) / best)


def test_what_no_query_found_has_no_retrieval() -> None:
    assert (
        retrieval_contributions(RankedSignals("h", "a", interest=1.0), PLAN.retrieval, dense_factor=1.0) == []
    )


def test_a_similarity_that_stands_in_is_named() -> None:
    order = rank([RankedSignals("h", "a", dense=0.5)], PLAN.rank.weights)
    explained = explain_order(order, {"h": Article(id="a", headline="x")}, PLAN, dense_factor=1.0)["h"]
    assert [(each.signal, each.value, each.stand_in) for each in explained.contributions] == [
        ("query_similarity", 0.5, "dense")
    ]


def test_words_of_the_query_are_found_in_any_form() -> None:
    order = rank([RankedSignals("h", "a", fusion=1.0)], PLAN.rank.weights)
    article = Article(id="a", headline="Ferries strike", body="The harbours are closed.", language="en")
    plan = replace(PLAN, query="the ferry harbour crane FERRY")
    explained = explain_order(order, {"h": article}, plan, dense_factor=1.0)["h"]
    assert list(explained.matched_words) == ["ferry", "harbour"]


async def searched(bench: Bench, plan: SearchPlan) -> list[SearchEvent]:
    events = [event async for event in search_events(plan, bench.engines, request_id="request")]
    check_protocol(events)
    return events


async def test_the_final_ranking_alone_is_explained_and_so_are_summaries(bench: Bench) -> None:
    events = await searched(bench, bench.planning(explain=True))
    assert of_kind(events, events_pb2.Started)[0].plan.explain
    *refined, final = of_kind(events, events_pb2.Ranking)
    assert not any(each.HasField("explanation") for ranking in refined for each in ranking.order)
    for each in final.order:
        total = sum(part.contribution for part in each.explanation.contributions)
        assert total == pytest.approx(each.score)
        fused = sum(part.contribution for part in each.explanation.retrieval)
        assert fused == pytest.approx(each.signals.fusion)
    assert all(each.support for each in of_kind(events, events_pb2.Summary))


async def test_nobody_who_does_not_ask_is_told(bench: Bench) -> None:
    events = await searched(bench, bench.plan)
    assert not any(
        each.HasField("explanation")
        for ranking in of_kind(events, events_pb2.Ranking)
        for each in ranking.order
    )
    assert not any(each.support for each in of_kind(events, events_pb2.Summary))
