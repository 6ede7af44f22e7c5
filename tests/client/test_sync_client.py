"""Tests of gistwire_client.sync_client and its portal, against a scripted server on the test's loop."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing

import grpc
import pytest
from gistwire.v1 import article_pb2, recommendation_pb2, search_pb2
from gistwire.v1.article_pb2 import IngestCompleted
from gistwire_client import HealthStatus, RequestRefusedError, SyncGistwireClient, UnreachableError

from tests.client.conftest import ScriptedServer
from tests.client.scripted_recommendations import Reason, Response, recommendation_events
from tests.client.scripted_server import Refusal, acknowledging, hit, search_events


@pytest.fixture(autouse=True)
def leaves_no_thread() -> Iterator[None]:
    yield
    names = [thread.name for thread in threading.enumerate()]
    assert "gistwire-loop" not in names


async def test_a_search_streams_its_events(server: ScriptedServer) -> None:
    server.search.events = search_events(hit("h1", "Storm"), hit("h2", "Flood"))

    def search() -> list[search_pb2.StreamSearchResponse]:
        with SyncGistwireClient(server.target) as client:
            return list(client.stream_search("storms", top_k=2))

    assert await asyncio.to_thread(search) == server.search.events
    assert server.search.requests == [search_pb2.StreamSearchRequest(query="storms", top_k=2)]


async def test_a_recommendation_streams_its_events(server: ScriptedServer) -> None:
    reasons = [Reason(hit_id="h1", popular=True)]
    server.recommendations.events = recommendation_events(hit("h1", "Storm"), reasons=reasons)

    def recommend() -> list[Response]:
        with SyncGistwireClient(server.target) as client:
            return list(client.recommend("ada", top_k=2, exploration=0.0))

    assert await asyncio.to_thread(recommend) == server.recommendations.events
    request = recommendation_pb2.StreamRecommendRequest(user_id="ada", top_k=2, exploration=0.0)
    assert server.recommendations.requests == [request]


async def test_leaving_the_generator_cancels_the_search(server: ScriptedServer) -> None:
    server.search.events = search_events(hit("h1", "Storm"))[:2]
    server.search.holds = True
    cancelled = threading.Event()

    def search() -> None:
        with SyncGistwireClient(server.target) as client:
            with closing(client.stream_search("storms")) as events:
                next(events)
            # Before the client is closed, which would cancel the search as well.
            cancelled.wait()

    async def watch() -> None:
        await server.search.ended.wait()
        cancelled.set()

    await asyncio.gather(asyncio.to_thread(search), watch())


async def test_closing_the_client_ends_a_search_that_was_not_left(server: ScriptedServer) -> None:
    server.search.events = search_events(hit("h1", "Storm"))[:2]
    server.search.holds = True

    def search() -> None:
        with SyncGistwireClient(server.target) as client:
            events = client.stream_search("storms")
            next(events)
        with pytest.raises(RuntimeError, match="closed"):
            next(events)

    await asyncio.to_thread(search)
    await server.search.ended.wait()


async def test_every_other_method_does_as_its_async_twin(server: ScriptedServer) -> None:
    article = article_pb2.Article(id="a1", headline="Storm")
    server.articles.articles = {"a1": article}
    server.articles.streams = [acknowledging()]
    server.search.pages = {
        "": search_pb2.SearchResponse(total=2, next_page_token="t1"),
        "t1": search_pb2.SearchResponse(total=2),
    }

    def call() -> None:
        with SyncGistwireClient(server.target) as client:
            assert client.health() is HealthStatus.SERVING
            assert client.get_article("a1") == article
            assert client.delete_article("a1") is True
            assert client.search("storms") == server.search.pages[""]
            assert list(client.search_pages("storms")) == list(server.search.pages.values())
            assert list(client.ingest([article, article]))[-1] == IngestCompleted(created=2)

    await asyncio.to_thread(call)
    assert server.articles.sent == [article, article]


async def test_errors_are_those_of_the_async_client(server: ScriptedServer) -> None:
    server.search.refusal = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "no query")

    def search() -> None:
        with (
            SyncGistwireClient(server.target) as client,
            pytest.raises(RequestRefusedError, match="no query"),
        ):
            list(client.stream_search(""))

    await asyncio.to_thread(search)


def test_an_unreachable_server_leaves_no_thread_either() -> None:
    with SyncGistwireClient("unix:/nonexistent/gistwire.sock") as client, pytest.raises(UnreachableError):
        client.get_article("a1")


def test_a_client_that_is_not_open_says_so() -> None:
    client = SyncGistwireClient("unix:unused")
    with pytest.raises(RuntimeError, match="not open"):
        client.health()
    with client:
        pass
    client.close()
    with pytest.raises(RuntimeError, match="not open"):
        client.health()
