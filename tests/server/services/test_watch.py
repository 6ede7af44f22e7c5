"""Watch over real gRPC: two servers over one index, so that one goes on with what the other began."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import grpc
import pytest
from gistwire.v1 import article_pb2, article_pb2_grpc, search_pb2, search_pb2_grpc
from gistwire_server.app import serving
from gistwire_server.config import LimitsConfig, ServerConfig, WatchConfig

from tests.server.conftest import Bench
from tests.server.services.test_search import Refusal, refused

Request = search_pb2.WatchRequest
WatchCall = grpc.aio.UnaryStreamCall[search_pb2.WatchRequest, search_pb2.WatchResponse]


@dataclass
class Server:
    """A running server, how to drain it, and a channel to it."""

    channel: grpc.aio.Channel
    drain: Callable[[], Awaitable[None]]

    def watch(self, request: search_pb2.WatchRequest, timeout_s: float | None = None) -> WatchCall:
        return search_pb2_grpc.SearchServiceStub(self.channel).Watch(request, timeout=timeout_s)

    async def ingest(self, article_id: str, headline: str) -> None:
        upsert = article_pb2.Article(id=article_id, headline=headline)
        request = article_pb2.StreamIngestRequest(sequence=1, upsert=upsert)
        async for _ in article_pb2_grpc.ArticleServiceStub(self.channel).StreamIngest(iter([request])):
            pass


@asynccontextmanager
async def serving_on(bench: Bench) -> AsyncIterator[Server]:
    config = ServerConfig(
        data_dir=bench.engines.config.data_dir,
        listen="unix",
        limits=LimitsConfig(concurrent_watches=1),
        watch=WatchConfig(poll_interval_s=0.01, min_similarity=1),
    )
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(serving(replace(bench.engines, config=config)))
        async with grpc.aio.insecure_channel(running.target) as channel:
            yield Server(channel, stack.aclose)


@pytest.fixture
async def server(bench: Bench) -> AsyncIterator[Server]:
    async with serving_on(bench) as server:
        yield server


@pytest.fixture
async def other_server(bench: Bench) -> AsyncIterator[Server]:
    async with serving_on(bench) as server:
        yield server


async def read_until(call: WatchCall, kind: str) -> list[search_pb2.WatchResponse]:
    responses: list[search_pb2.WatchResponse] = []
    while not responses or responses[-1].WhichOneof("event") != kind:
        response = await call.read()
        assert isinstance(response, search_pb2.WatchResponse)
        responses.append(response)
    return responses


async def test_a_new_article_comes_with_its_summary(server: Server) -> None:
    call = server.watch(Request(query="harbour strike", past_hits=2))
    past = await read_until(call, "caught_up")
    assert past[0].started.plan.query == "harbour strike"
    assert past[-1].caught_up.past_hit_count == 2
    await server.ingest("n1", "Harbour strike ends")
    new = await read_until(call, "summary")
    assert [each.sequence for each in [*past, *new]] == list(range(1, len(past) + len(new) + 1))
    (hits,) = [each.hits for each in new if each.HasField("hits")]
    assert hits.hits[0].article.id == "n1"
    assert [(each.start, each.end) for each in hits.hits[0].headline_highlights] == [(0, 7), (8, 14)]
    assert new[-1].summary.hit_id == hits.hits[0].hit_id == "h3"
    assert all(each.resume_token for each in [*past, *new])
    call.cancel()


async def test_a_draining_server_ends_a_watch_and_another_goes_on(
    server: Server, other_server: Server
) -> None:
    call = server.watch(Request(query="harbour strike", past_hits=0))
    last = (await read_until(call, "caught_up"))[-1]

    reading = asyncio.create_task(refused(call.read()))
    await server.drain()
    refusal = await reading
    assert (refusal.code, refusal.info.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")

    await other_server.ingest("n1", "Harbour strike ends")
    resumed = other_server.watch(Request(query="harbour strike", past_hits=0, resume_token=last.resume_token))
    responses = await read_until(resumed, "summary")
    assert [each.hits.hits[0].article.id for each in responses if each.HasField("hits")] == ["n1"]
    resumed.cancel()


async def test_a_watch_beyond_the_limit_is_refused_until_one_leaves(server: Server) -> None:
    first = server.watch(Request(query="harbour"))
    await read_until(first, "caught_up")
    refusal = await refused(server.watch(Request(query="harbour")).read())
    assert (refusal.code, refusal.info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    first.cancel()
    # The server is told of it some time after.
    while not await is_admitted(server):
        pass


async def is_admitted(server: Server) -> bool:
    call = server.watch(Request(query="harbour"))
    try:
        await call.read()
    except grpc.aio.AioRpcError:
        return False
    call.cancel()
    return True


async def test_a_deadline_ends_a_watch(server: Server) -> None:
    call = server.watch(Request(query="harbour", past_hits=0), timeout_s=0.3)
    started, *_ = await read_until(call, "caught_up")
    assert 0 < started.started.plan.deadline.ToMilliseconds() <= 300
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (Request(query=" ", past_hits=-1, min_similarity=1.1), ["query", "past_hits", "min_similarity"]),
        (Request(query="q", past_hits=101, filter="source = ="), ["filter", "past_hits"]),
        (Request(query="q", min_similarity=float("nan")), ["min_similarity"]),
        (Request(query="q", resume_token="x" * 4_097), ["resume_token"]),
    ],
)
async def test_a_bad_request_names_its_fields(
    server: Server, request_: search_pb2.WatchRequest, fields: list[str]
) -> None:
    refusal = await refused(server.watch(request_).read())
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == fields


async def test_a_spoilt_token_is_refused_with_its_reason(server: Server) -> None:
    refusal: Refusal = await refused(server.watch(Request(query="q", resume_token="spoilt")).read())
    assert (refusal.code, refusal.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID")
