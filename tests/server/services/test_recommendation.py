"""Tests of RecommendationService over gRPC: envelopes, refusals, admission, tokens."""

import asyncio
from datetime import UTC, datetime

import grpc
from gistwire.v1 import recommendation_pb2, recommendation_pb2_grpc
from gistwire_indexer.user_events import EventKind, UserEvent
from gistwire_models.scripted import SummaryScript

from tests.server.conftest import ARTICLES
from tests.server.services.conftest import Service
from tests.server.services.test_search import refused

Request = recommendation_pb2.StreamRecommendRequest


def stub(service: Service) -> "recommendation_pb2_grpc.RecommendationServiceAsyncStub":
    return recommendation_pb2_grpc.RecommendationServiceStub(service.channel)


async def recommend(service: Service, request: Request) -> list[recommendation_pb2.StreamRecommendResponse]:
    return [event async for event in stub(service).StreamRecommend(request)]


async def test_events_are_numbered_and_come_in_their_order(service: Service) -> None:
    await service.bench.users.write([UserEvent("e1", "u1", "a0", EventKind.CLICK, datetime.now(UTC))])
    events = await recommend(service, Request(user_id="u1", top_k=3, exploration=0))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[:3] == ["started", "hits", "reasons"]
    assert kinds[-2:] == ["ranking", "completed"]
    assert kinds.count("summary") == 3
    assert {reason.history_article_id for reason in events[2].reasons.reasons} == {"a0"}
    assert "a0" not in {hit.article.id for hit in events[1].hits.hits}


async def test_a_bad_request_names_its_fields_and_calls_no_backend(service: Service) -> None:
    refusal = await refused(recommend(service, Request(top_k=101, exploration=2, filter="=")))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert sorted(refusal.fields) == ["exploration", "filter", "top_k", "user_id"]
    assert not service.bench.summarizer.requests


async def test_the_call_beyond_those_that_may_wait_is_refused(service: Service) -> None:
    gate = asyncio.Event()
    service.bench.summarizer.scripts = {each.id: SummaryScript(gate=gate) for each in ARTICLES}
    # Two work, one waits: of four, one cannot enter.
    calls = {asyncio.create_task(recommend(service, Request(user_id="u1"))) for _ in range(4)}
    (first,), others = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    refusal = await refused(first)
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.retry_after_s > 0
    gate.set()
    for each in others:
        assert (await each)[-1].HasField("completed")
