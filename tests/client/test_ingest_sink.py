"""Tests of gistwire_client.ingest_sink."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from gistwire.v1 import article_pb2
from gistwire.v1.article_pb2 import IngestAcknowledgement
from gistwire_client import ingest_sink
from gistwire_client.client import GistwireClient
from gistwire_client.errors import RequestRefusedError
from gistwire_client.ingest_sink import IngestSink
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.index import WriteOutcome
from gistwire_indexer.sources import RawArticle
from google.rpc import error_details_pb2, status_pb2

from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import Refusal, acknowledgement, acknowledging, flow


async def by_headline(
    requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
) -> AsyncIterator[article_pb2.StreamIngestResponse]:
    """Acknowledges each article with the outcome that its headline names, pairs of them the later first."""
    yield flow(8)
    held: list[article_pb2.StreamIngestResponse] = []
    async for request in requests:
        outcome = IngestAcknowledgement.Outcome.Value(request.upsert.headline)
        status = status_pb2.Status(message="refused")
        violation = error_details_pb2.BadRequest.FieldViolation(field="headline", description="is bad")
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        held.append(acknowledgement(request.sequence, outcome, status=status))
        while len(held) >= 2:
            yield held.pop()
            yield held.pop()


async def refusing(
    requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
) -> AsyncIterator[article_pb2.StreamIngestResponse]:
    await Refusal(grpc.StatusCode.PERMISSION_DENIED, "no").abort(context)
    yield flow(8)


async def test_each_gets_the_outcome_of_its_own_article(server: ScriptedServer) -> None:
    server.articles.streams = [by_headline]
    async with GistwireClient(server.target) as client, IngestSink(client) as sink:
        outcomes = await asyncio.gather(
            *(
                sink.upsert(RawArticle(headline=name))
                for name in ("CREATED", "UPDATED", "UNCHANGED", "REJECTED")
            ),
            return_exceptions=True,
        )
    assert outcomes[:3] == [WriteOutcome.CREATED, WriteOutcome.UPDATED, WriteOutcome.UNCHANGED]
    assert isinstance(outcomes[3], ArticleError)
    assert (outcomes[3].field, outcomes[3].description) == ("headline", "is bad")


async def test_a_stream_that_fails_fails_all_who_wait_and_who_come_later(server: ScriptedServer) -> None:
    server.articles.streams = [refusing]
    async with GistwireClient(server.target) as client, IngestSink(client) as sink:
        both = await asyncio.gather(
            *(sink.upsert(RawArticle(headline=name)) for name in "ab"), return_exceptions=True
        )
        assert [type(error) for error in both] == [RequestRefusedError] * 2
        with pytest.raises(RequestRefusedError):
            await sink.upsert(RawArticle(headline="c"))


async def test_a_stream_that_has_nothing_to_send_is_closed_and_opened_again(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_sink, "_IDLE_S", 0.0)
    server.articles.streams = [acknowledging(), acknowledging()]
    async with GistwireClient(server.target) as client, IngestSink(client) as sink:
        for headline in ("a", "b"):
            assert await sink.upsert(RawArticle(headline=headline)) is WriteOutcome.CREATED
    assert server.articles.received == [[1], [1]]


async def test_who_leaves_does_not_disturb_the_others(server: ScriptedServer) -> None:
    server.articles.streams = [by_headline]
    async with GistwireClient(server.target) as client, IngestSink(client) as sink:
        left = asyncio.create_task(sink.upsert(RawArticle(headline="CREATED")))
        await asyncio.sleep(0)
        left.cancel()
        assert await sink.upsert(RawArticle(headline="UPDATED")) is WriteOutcome.UPDATED


async def test_deleting_what_is_not_there_is_no_error(server: ScriptedServer) -> None:
    server.articles.articles["a1"] = article_pb2.Article(id="a1")
    async with GistwireClient(server.target) as client, IngestSink(client) as sink:
        await sink.delete("a1")
        await sink.delete("a1")
    assert server.articles.articles == {}


async def test_it_has_to_be_open(server: ScriptedServer) -> None:
    async with GistwireClient(server.target) as client:
        with pytest.raises(RuntimeError, match="not open"):
            await IngestSink(client).upsert(RawArticle(headline="a"))
