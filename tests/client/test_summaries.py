"""Tests of gistwire_client.summaries, by both clients, over real gRPC to a scripted server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.v1 import article_pb2, events_pb2, specs_pb2, summary_pb2, summary_pb2_grpc
from gistwire_client import CallFailedError, GistwireClient, RequestRefusedError, SyncGistwireClient
from google.protobuf.message import Message

SUMMARIZED = [
    summary_pb2.StreamSummarizeResponse(sequence=1, started=events_pb2.Started()),
    summary_pb2.StreamSummarizeResponse(sequence=2, completed=events_pb2.Completed()),
]
DIGESTED = [
    summary_pb2.StreamDigestResponse(sequence=1, started=events_pb2.Started()),
    summary_pb2.StreamDigestResponse(sequence=2, completed=events_pb2.Completed()),
]


@dataclass
class ScriptedSummaries(summary_pb2_grpc.SummaryServiceServicer):
    """Streams what it is told, then refuses if it is told so."""

    summarized: Sequence[summary_pb2.StreamSummarizeResponse] = field(default_factory=lambda: SUMMARIZED)
    digested: Sequence[summary_pb2.StreamDigestResponse] = field(default_factory=lambda: DIGESTED)
    refusal: grpc.StatusCode | None = None
    requests: list[Message] = field(default_factory=list)
    target: str = ""

    async def StreamSummarize(  # noqa: N802
        self, request: summary_pb2.StreamSummarizeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[summary_pb2.StreamSummarizeResponse]:
        self.requests.append(request)
        for event in self.summarized:
            yield event
        if self.refusal is not None:
            await context.abort(self.refusal, "no")

    async def StreamDigest(  # noqa: N802
        self, request: summary_pb2.StreamDigestRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[summary_pb2.StreamDigestResponse]:
        self.requests.append(request)
        for event in self.digested:
            yield event
        if self.refusal is not None:
            await context.abort(self.refusal, "no")


@pytest.fixture
async def summaries(tmp_path: Path) -> AsyncIterator[ScriptedSummaries]:
    scripted = ScriptedSummaries(target=f"unix:{tmp_path / 'socket'}")
    running = grpc.aio.server()
    summary_pb2_grpc.add_SummaryServiceServicer_to_server(scripted, running)
    running.add_insecure_port(scripted.target)
    await running.start()
    yield scripted
    await running.stop(None)


async def test_summaries_of_ids_and_articles(summaries: ScriptedSummaries) -> None:
    article = article_pb2.Article(headline="Storm")
    spec = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.FAST)
    async with GistwireClient(summaries.target) as client:
        call = client.summarize(["a1"], articles=[article], query="wind", summary=spec)
        assert [event async for event in call] == SUMMARIZED
    assert summaries.requests == [
        summary_pb2.StreamSummarizeRequest(article_ids=["a1"], articles=[article], query="wind", summary=spec)
    ]


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        ({"query": "storms"}, summary_pb2.StreamDigestRequest(query="storms")),
        (
            {"article_ids": ["a1", "a2"], "max_sentences": 3},
            summary_pb2.StreamDigestRequest(
                article_ids=summary_pb2.ArticleIds(ids=["a1", "a2"]), max_sentences=3
            ),
        ),
        (
            {"topic_id": "t1", "filter": 'language = "en"', "max_articles": 4},
            summary_pb2.StreamDigestRequest(topic_id="t1", filter='language = "en"', max_articles=4),
        ),
    ],
)
async def test_a_digest_of_one_subject(
    summaries: ScriptedSummaries, arguments: dict[str, Any], request_: summary_pb2.StreamDigestRequest
) -> None:
    async with GistwireClient(summaries.target) as client:
        assert [event async for event in client.digest(**arguments)] == DIGESTED
    assert summaries.requests == [request_]


async def test_several_subjects_or_none_are_no_digest(summaries: ScriptedSummaries) -> None:
    async with GistwireClient(summaries.target) as client:
        for arguments in ({}, {"query": "storms", "topic_id": "t1"}):
            with pytest.raises(ValueError, match="of a query, of articles, or of a topic"):
                client.digest(**arguments)  # type: ignore[arg-type]
    assert summaries.requests == []


async def test_the_sync_client_has_both(summaries: ScriptedSummaries) -> None:
    def ask() -> tuple[list[Message], list[Message]]:
        with SyncGistwireClient(summaries.target) as client:
            return list(client.summarize(["a1"])), list(client.digest("storms"))

    assert await asyncio.to_thread(ask) == (SUMMARIZED, DIGESTED)


async def test_a_stream_that_ends_early_is_a_failure(summaries: ScriptedSummaries) -> None:
    summaries.summarized, summaries.digested = SUMMARIZED[:1], DIGESTED[:1]
    async with GistwireClient(summaries.target) as client:
        for call in (client.summarize(["a1"]), client.digest("storms")):
            with pytest.raises(CallFailedError, match="ended before"):
                _ = [event async for event in call]


async def test_a_refusal_is_raised(summaries: ScriptedSummaries) -> None:
    summaries.refusal = grpc.StatusCode.NOT_FOUND
    summaries.summarized, summaries.digested = (), ()
    async with GistwireClient(summaries.target) as client:
        for call in (client.summarize(["a1"]), client.digest("storms")):
            with pytest.raises(RequestRefusedError):
                _ = [event async for event in call]
