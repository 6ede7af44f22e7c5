from pathlib import Path

import pytest
from gistwire.v1 import recommendation_pb2, search_pb2, specs_pb2
from gistwire_server.config import RetrievalConfig, ServerConfig
from gistwire_server.errors import InvalidRequestError
from gistwire_server.plan import SummaryMode
from gistwire_server.validation import (
    check_article_id,
    normalize_query,
    plan_recommendation,
    plan_search,
    plan_stream_search,
)
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

CONFIG = ServerConfig(data_dir=Path("unused"), retrieval=RetrievalConfig(depth=42))
Request = search_pb2.StreamSearchRequest


def violated(request: search_pb2.StreamSearchRequest) -> list[str]:
    with pytest.raises(InvalidRequestError) as refused:
        plan_stream_search(request, CONFIG, None)
    return [violation.field for violation in refused.value.violations]


def test_absent_fields_take_the_defaults_of_the_configuration() -> None:
    plan = plan_stream_search(Request(query=" harbour \n strike "), CONFIG, None)
    assert plan.query == "harbour strike"
    assert (plan.top_k, plan.retrieval.depth, plan.filter) == (10, 42, None)
    assert (plan.summary.mode, plan.summary.stream_drafts) == (SummaryMode.BEST, True)
    assert plan.rank.collapse
    assert plan.deadline_s == CONFIG.limits.default_deadline_s


def test_given_fields_are_kept_zero_included() -> None:
    request = Request(
        query="q",
        top_k=3,
        filter='source = "x"',
        retrieval=specs_pb2.RetrievalSpec(lexical_weight=0, dense_weight=2.5, fusion_constant=7, depth=9),
        summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.FAST, max_tokens=16, stream_drafts=False),
        rank=specs_pb2.RankSpec(
            weights=specs_pb2.RankWeights(recency=0.0, interest=3.0),
            recency_half_life=Duration(seconds=3_600),
            collapse=False,
        ),
        user=specs_pb2.UserContext(user_id="u", interests=["wind  power"]),
    )
    plan = plan_stream_search(request, CONFIG, 4.0)
    assert (plan.top_k, str(plan.filter)) == (3, 'source = "x"')
    assert (plan.retrieval.lexical_weight, plan.retrieval.dense_weight) == (0.0, 2.5)
    assert (plan.summary.mode, plan.summary.stream_drafts) == (SummaryMode.FAST, False)
    assert (plan.rank.weights.recency, plan.rank.weights.interest) == (0.0, 3.0)
    assert plan.rank.weights.fusion == CONFIG.rank.fusion
    assert (plan.rank.recency_half_life_s, plan.rank.collapse) == (3_600, False)
    assert (plan.user_id, plan.interests, plan.deadline_s) == ("u", ("wind power",), 4.0)


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": " \u200b\x00 "}, "query"),
        ({"query": "x" * 1_001}, "query"),
        ({"filter": "sourc = x"}, "filter"),
        ({"filter": "(" * 2_001}, "filter"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 101}, "top_k"),
        ({"retrieval": specs_pb2.RetrievalSpec(lexical_weight=-1)}, "retrieval.lexical_weight"),
        ({"retrieval": specs_pb2.RetrievalSpec(dense_weight=float("nan"))}, "retrieval.dense_weight"),
        (
            {"retrieval": specs_pb2.RetrievalSpec(lexical_weight=0, dense_weight=0)},
            "retrieval.lexical_weight",
        ),
        ({"retrieval": specs_pb2.RetrievalSpec(fusion_constant=0)}, "retrieval.fusion_constant"),
        ({"retrieval": specs_pb2.RetrievalSpec(depth=1_001)}, "retrieval.depth"),
        ({"summary": specs_pb2.SummarySpec(mode=99)}, "summary.mode"),  # type: ignore[arg-type]
        ({"summary": specs_pb2.SummarySpec(candidates=9)}, "summary.candidates"),
        ({"summary": specs_pb2.SummarySpec(max_tokens=7)}, "summary.max_tokens"),
        (
            {"rank": specs_pb2.RankSpec(weights=specs_pb2.RankWeights(recency=float("inf")))},
            "rank.weights.recency",
        ),
        ({"rank": specs_pb2.RankSpec(recency_half_life=Duration(seconds=59))}, "rank.recency_half_life"),
        ({"user": specs_pb2.UserContext(user_id="u" * 129)}, "user.user_id"),
        ({"user": specs_pb2.UserContext(user_id="u\x1b[2J")}, "user.user_id"),
        ({"user": specs_pb2.UserContext(user_id="u\u202e")}, "user.user_id"),
        ({"user": specs_pb2.UserContext(interests=["x"] * 21)}, "user.interests"),
        ({"user": specs_pb2.UserContext(interests=["ok", "x" * 201])}, "user.interests[1]"),
    ],
)
def test_a_field_beyond_its_limit_is_named(request_fields: dict[str, object], field: str) -> None:
    assert violated(Request(**{"query": "q", **request_fields})) == [field]  # type: ignore[arg-type]


def test_all_violations_are_reported_at_once() -> None:
    assert violated(Request(query="", top_k=1_000, filter="=")) == ["query", "filter", "top_k"]


def test_weights_that_leave_nothing_to_rank_by_are_refused() -> None:
    weights = specs_pb2.RankWeights(
        query_similarity=0, fusion=0, recency=0, interest=0, source_quality=0, redundancy=1
    )
    assert violated(Request(query="q", rank=specs_pb2.RankSpec(weights=weights))) == ["rank.weights"]


def test_the_callers_deadline_is_capped() -> None:
    plan = plan_stream_search(Request(query="q"), CONFIG, 1e6)
    assert plan.deadline_s == CONFIG.limits.max_deadline_s


def test_a_page_has_no_drafts() -> None:
    plan = plan_search(search_pb2.SearchRequest(query="q", page_size=5), CONFIG, None)
    assert (plan.top_k, plan.summary.stream_drafts) == (5, False)


def test_page_size_is_named_as_such() -> None:
    with pytest.raises(InvalidRequestError, match="page_size"):
        plan_search(search_pb2.SearchRequest(query="q", page_size=101), CONFIG, None)


@given(st.text(max_size=100))
def test_a_normalized_query_is_printable_and_stays_as_it_is(query: str) -> None:
    normalized = normalize_query(query)
    assert normalize_query(normalized) == normalized
    assert normalized == normalized.strip()
    assert "\n" not in normalized
    assert "\x00" not in normalized


def test_identifiers_are_checked() -> None:
    check_article_id("a" * 128)
    for bad in ("", "a" * 129):
        with pytest.raises(InvalidRequestError, match="id"):
            check_article_id(bad)


def test_the_plan_is_shown_with_all_defaults() -> None:
    shown = plan_stream_search(Request(query="q"), CONFIG, 2.0).to_proto()
    assert shown.retrieval.depth == 42
    assert shown.rank.weights.HasField("query_similarity")
    assert shown.deadline.seconds == 2


Recommend = recommendation_pb2.StreamRecommendRequest


def test_a_recommendation_has_defaults_of_its_own() -> None:
    plan = plan_recommendation(Recommend(user_id="u"), CONFIG, None)
    personal = CONFIG.personal
    assert (plan.search.user_id, plan.search.query, plan.search.top_k) == ("u", "", 10)
    assert plan.exploration == personal.exploration
    weights = plan.search.rank.weights
    assert (weights.interest, weights.redundancy) == (personal.interest_weight, personal.redundancy_weight)
    assert (weights.popularity, weights.collaborative) == (CONFIG.rank.popularity, CONFIG.rank.collaborative)
    searched = plan_stream_search(Request(query="q"), CONFIG, None).rank.weights
    assert (searched.interest, searched.redundancy) == (CONFIG.rank.interest, CONFIG.rank.redundancy)


def test_what_a_recommendation_is_given_is_kept_zero_included() -> None:
    request = Recommend(
        user_id="u",
        filter='source = "x"',
        top_k=100,
        exploration=0,
        rank=specs_pb2.RankSpec(weights=specs_pb2.RankWeights(interest=0, collaborative=3)),
    )
    plan = plan_recommendation(request, CONFIG, 4.0)
    assert (str(plan.search.filter), plan.search.top_k, plan.exploration) == ('source = "x"', 100, 0.0)
    weights = plan.search.rank.weights
    assert (weights.interest, weights.collaborative, plan.search.deadline_s) == (0.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("request_fields", "fields"),
    [
        ({"user_id": ""}, ["user_id"]),
        ({"user_id": "u" * 129}, ["user_id"]),
        ({"filter": "sourc = x"}, ["filter"]),
        ({"top_k": 101}, ["top_k"]),
        ({"top_k": -1}, ["top_k"]),
        ({"exploration": -0.1}, ["exploration"]),
        ({"exploration": 1.1}, ["exploration"]),
        ({"exploration": float("nan")}, ["exploration"]),
        ({"summary": specs_pb2.SummarySpec(candidates=9)}, ["summary.candidates"]),
        (
            {"rank": specs_pb2.RankSpec(weights=specs_pb2.RankWeights(popularity=-1))},
            ["rank.weights.popularity"],
        ),
        ({"user_id": "", "top_k": 1_000, "exploration": 2}, ["top_k", "user_id", "exploration"]),
    ],
)
def test_a_field_of_a_recommendation_beyond_its_limit_is_named(
    request_fields: dict[str, object], fields: list[str]
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        plan_recommendation(Recommend(**{"user_id": "u", **request_fields}), CONFIG, None)  # type: ignore[arg-type]
    assert [violation.field for violation in refused.value.violations] == fields


def test_a_recommendation_is_ranked_by_something() -> None:
    nothing = specs_pb2.RankWeights(recency=0, interest=0, source_quality=0, popularity=0, collaborative=0)
    request = Recommend(user_id="u", rank=specs_pb2.RankSpec(weights=nothing))
    with pytest.raises(InvalidRequestError, match=r"rank\.weights"):
        plan_recommendation(request, CONFIG, None)
    nothing.popularity = 1
    request.rank.weights.CopyFrom(nothing)
    assert plan_recommendation(request, CONFIG, None).search.rank.weights.popularity == 1
