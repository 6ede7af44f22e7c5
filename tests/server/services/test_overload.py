"""Tests of what callers of a busy server meet over gRPC: limits of their own, and less instead of a refusal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import grpc
import pytest
from gistwire.v1 import article_pb2, article_pb2_grpc, events_pb2, search_pb2, search_pb2_grpc
from gistwire_models.scripted import SummaryScript
from gistwire_server.app import serving
from gistwire_server.config import LimitsConfig, ServerConfig
from gistwire_server.overload.config import CallerLimitsConfig, OverloadConfig

from tests.server.conftest import ARTICLES, Bench
from tests.server.services.test_search import refused

Request = search_pb2.StreamSearchRequest


@asynccontextmanager
async def searching(
    bench: Bench, overload: OverloadConfig, limits: LimitsConfig | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    config = ServerConfig(
        data_dir=bench.engines.config.data_dir,
        listen="unix",
        overload=overload,
        limits=limits or LimitsConfig(concurrent_searches=1, waiting_searches=8),
    )
    async with (
        serving(replace(bench.engines, config=config)) as running,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        yield channel


async def search(channel: grpc.aio.Channel) -> list[search_pb2.StreamSearchResponse]:
    stub = search_pb2_grpc.SearchServiceStub(channel)
    return [event async for event in stub.StreamSearch(Request(query="harbour strike"))]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (CallerLimitsConfig(requests_per_s=0.001, burst=2), "RATE_LIMITED"),
        (CallerLimitsConfig(cost_per_day=2.0), "QUOTA_EXCEEDED"),
    ],
)
async def test_a_caller_who_asks_for_more_than_they_may_is_told_when_to_come_back(
    bench: Bench, limits: CallerLimitsConfig, reason: str
) -> None:
    async with searching(bench, OverloadConfig(callers=(limits,))) as channel:
        for _ in range(2):
            assert (await search(channel))[-1].HasField("completed")
        encoded = len(bench.encoder.encoded)
        refusal = await refused(search(channel))
        assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.info.reason == reason
        assert refusal.retry_after_s > 1
        assert len(bench.encoder.encoded) == encoded


async def test_a_search_that_waited_is_given_less_and_told_so(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    gate = asyncio.Event()
    scripts(**{article.id: SummaryScript(deltas=["x"], gate=gate) for article in ARTICLES})
    # Whoever waits at all has waited long enough.
    overload = OverloadConfig(one_candidate_from=0.0, fast_from=0.0, extract_from=1e-9, max_wait_s=60.0)
    async with searching(bench, overload) as channel:
        first = asyncio.create_task(search(channel))
        while not bench.summarizer.requests:
            await asyncio.sleep(0)
        second = asyncio.create_task(search(channel))
        stub = search_pb2_grpc.SearchServiceStub(channel)
        # The answer to a request that cannot be valid comes after the second search was put into the queue.
        await refused(stub.Search(search_pb2.SearchRequest()))
        gate.set()
        await first
        events = await second
    degraded = [event.degraded for event in events if event.HasField("degraded")]
    assert [(each.reason, each.action) for each in degraded] == [
        (events_pb2.Degraded.OVERLOAD, events_pb2.Degraded.EXTRACT)
    ]
    assert events[-1].completed.degraded_count == 1
    assert events[0].started.plan.summary.candidates == 1


async def test_calls_of_one_answer_end_without_a_deadline_of_their_callers(bench: Bench) -> None:
    limits = LimitsConfig(default_deadline_s=0.05)

    async def never(_: object) -> list[None]:
        await asyncio.Event().wait()
        return []

    bench.index.get = never  # type: ignore[method-assign, assignment]
    async with searching(bench, OverloadConfig(), limits) as channel:
        stub = article_pb2_grpc.ArticleServiceStub(channel)
        refusal = await refused(stub.GetArticle(article_pb2.GetArticleRequest(id="a0")))
    assert refusal.code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert refusal.info.reason == "DEADLINE_EXCEEDED"
