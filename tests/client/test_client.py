"""Tests of gistwire_client.client, over real gRPC to a scripted server."""

from contextlib import aclosing

import grpc
import pytest
from gistwire.v1 import article_pb2, search_pb2, specs_pb2
from gistwire_client import (
    CallFailedError,
    DeadlineExceededError,
    FieldViolation,
    GistwireClient,
    HealthStatus,
    RequestRefusedError,
    SearchFailedError,
    SearchOptions,
    UnreachableError,
)
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2

from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import Refusal, hit, search_events

REFUSAL = Refusal(
    grpc.StatusCode.INVALID_ARGUMENT,
    "the request breaks its limits",
    [
        error_details_pb2.ErrorInfo(reason="FIELD_OUT_OF_RANGE", domain="gistwire"),
        error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field="top_k", description="is above 100"),
                error_details_pb2.BadRequest.FieldViolation(field="query", description="is empty"),
            ]
        ),
        error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000)),
    ],
)
UNAVAILABLE = Refusal(grpc.StatusCode.UNAVAILABLE, "comes back soon")


async def test_events_come_in_the_order_in_which_they_were_sent(server: ScriptedServer) -> None:
    server.search.events = search_events(hit("h1", "Storm"), hit("h2", "Flood"))
    async with GistwireClient(server.target) as client:
        events = [event async for event in client.stream_search("storms")]
    assert events == server.search.events


async def test_what_is_asked_for_reaches_the_server(server: ScriptedServer) -> None:
    server.search.events = search_events()
    options = SearchOptions(
        filter='language = "en"',
        retrieval=specs_pb2.RetrievalSpec(depth=7),
        summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.FAST),
        rank=specs_pb2.RankSpec(collapse=False),
        user=specs_pb2.UserContext(user_id="u1", interests=["rail"]),
    )
    async with GistwireClient(server.target) as client:
        async for _ in client.stream_search("storms", top_k=3, **options):
            pass
    assert server.search.requests == [search_pb2.StreamSearchRequest(query="storms", top_k=3, **options)]


async def test_leaving_the_generator_cancels_the_search(server: ScriptedServer) -> None:
    server.search.events = search_events(hit("h1", "Storm"))[:2]
    server.search.holds = True
    async with GistwireClient(server.target) as client:
        async with aclosing(client.stream_search("storms")) as events:
            async for _ in events:
                break
        await server.search.ended.wait()


async def test_closing_the_client_ends_its_searches(server: ScriptedServer) -> None:
    server.search.events = search_events(hit("h1", "Storm"))[:1]
    server.search.holds = True
    client = GistwireClient(server.target)
    async with client:
        events = client.stream_search("storms")
        await anext(events)
    await client.close()
    await server.search.ended.wait()
    await events.aclose()


async def test_a_refusal_says_reason_fields_and_when_to_try_again(server: ScriptedServer) -> None:
    server.search.refusal = REFUSAL
    async with GistwireClient(server.target) as client:
        with pytest.raises(RequestRefusedError, match="breaks its limits") as raised:
            await anext(client.stream_search("", top_k=1_000))
    assert raised.value.reason == "FIELD_OUT_OF_RANGE"
    assert raised.value.violations == (
        FieldViolation("top_k", "is above 100"),
        FieldViolation("query", "is empty"),
    )
    assert raised.value.retry_after_s == 2.5


@pytest.mark.parametrize("sent", [0, 2, 4])
async def test_a_stream_that_ends_without_completed_has_failed(server: ScriptedServer, sent: int) -> None:
    server.search.events = search_events(hit("h1", "Storm"))[:sent]
    seen = []
    async with GistwireClient(server.target) as client:
        with pytest.raises(SearchFailedError):
            async for event in client.stream_search("storms"):
                seen.append(event)  # noqa: PERF401 - what came before the error counts
    assert len(seen) == sent


async def test_an_error_in_the_middle_comes_after_the_events_before_it(server: ScriptedServer) -> None:
    server.search.events = search_events(hit("h1", "Storm"))[:2]
    server.search.refusal = Refusal(grpc.StatusCode.INTERNAL, "the index is damaged")
    seen = []
    async with GistwireClient(server.target) as client:
        with pytest.raises(CallFailedError, match="the index is damaged"):
            async for event in client.stream_search("storms"):
                seen.append(event.WhichOneof("event"))  # noqa: PERF401
    assert seen == ["started", "hits"]


async def test_time_that_runs_out_is_its_own_error(server: ScriptedServer) -> None:
    server.search.holds = True
    async with GistwireClient(server.target) as client:
        with pytest.raises(DeadlineExceededError):
            await anext(client.stream_search("storms", timeout_s=0.01))


async def test_where_no_server_is_it_is_unreachable() -> None:
    async with GistwireClient("unix:/nonexistent/gistwire.sock") as client:
        with pytest.raises(UnreachableError):
            await anext(client.stream_search("storms"))
        with pytest.raises(UnreachableError):
            await client.health()


async def test_a_search_is_tried_again_while_the_server_is_away(server: ScriptedServer) -> None:
    server.search.unary_failures = [UNAVAILABLE]
    server.search.pages = {"": search_pb2.SearchResponse(total=4)}
    async with GistwireClient(server.target) as client:
        assert (await client.search("storms")).total == 4
    assert len(server.search.requests) == 2


async def test_a_refused_search_is_not_tried_again(server: ScriptedServer) -> None:
    server.search.unary_failures = [REFUSAL]
    async with GistwireClient(server.target) as client:
        with pytest.raises(RequestRefusedError):
            await client.search("storms")
    assert len(server.search.requests) == 1


async def test_a_broken_search_stream_is_not_shown_twice(server: ScriptedServer) -> None:
    server.search.refusal = UNAVAILABLE
    async with GistwireClient(server.target) as client:
        with pytest.raises(UnreachableError, match="comes back soon"):
            await anext(client.stream_search("storms"))
    assert len(server.search.requests) == 1


async def test_pages_follow_each_other_to_the_last(server: ScriptedServer) -> None:
    server.search.pages = {
        "": search_pb2.SearchResponse(total=3, next_page_token="t1"),
        "t1": search_pb2.SearchResponse(total=3, next_page_token="t2"),
        "t2": search_pb2.SearchResponse(total=3),
    }
    async with GistwireClient(server.target) as client:
        pages = [page async for page in client.search_pages("storms", page_size=1, filter="source:wire")]
    assert pages == list(server.search.pages.values())
    assert server.search.requests == [
        search_pb2.SearchRequest(query="storms", page_size=1, page_token=token, filter="source:wire")
        for token in ("", "t1", "t2")
    ]


async def test_articles_are_read_and_deleted(server: ScriptedServer) -> None:
    article = article_pb2.Article(id="a1", headline="Storm")
    server.articles.articles = {"a1": article}
    async with GistwireClient(server.target) as client:
        assert await client.get_article("a1") == article
        assert await client.delete_article("a1") is True
        assert await client.delete_article("a1", allow_missing=True) is False
        with pytest.raises(RequestRefusedError, match="no such article"):
            await client.delete_article("a1")
        with pytest.raises(RequestRefusedError, match="no such article"):
            await client.get_article("a1")


async def test_health_is_what_the_server_says(server: ScriptedServer) -> None:
    async with GistwireClient(server.target) as client:
        assert await client.health() is HealthStatus.SERVING
        await server.health_service.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert await client.health() is HealthStatus.NOT_SERVING


async def test_a_client_that_is_not_open_says_so() -> None:
    client = GistwireClient("unix:unused")
    with pytest.raises(RuntimeError, match="async with"):
        await client.search("storms")
