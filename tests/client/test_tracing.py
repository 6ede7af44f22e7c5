"""Tests of the client's spans: calls of each kind go on with the application's trace."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from gistwire.v1 import article_pb2
from gistwire_client.client import GistwireClient
from gistwire_client.errors import RequestRefusedError, UnreachableError
from gistwire_server.app import serving
from gistwire_server.config import ServerConfig
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from tests.backends.ports import free_port
from tests.recorded_spans import RecordedSpans, parent_of
from tests.server.conftest import Bench
from tests.server.conftest import bench as bench

_APPLICATION = trace.get_tracer("gistwire")


@pytest.fixture
async def client(bench: Bench, spans: RecordedSpans) -> AsyncIterator[GistwireClient]:
    config = ServerConfig(data_dir=bench.engines.config.data_dir, listen="unix")
    async with (
        serving(replace(bench.engines, config=config)) as running,
        GistwireClient(running.target, tenant="default") as client,
    ):
        yield client


async def test_calls_of_each_kind_have_a_span_below_the_applications(
    client: GistwireClient, spans: RecordedSpans
) -> None:
    article = article_pb2.Article(id="b1", headline="Quay opens", body="It opened on Friday.", language="en")
    with _APPLICATION.start_as_current_span("page"):
        await client.search("harbour")
        async for _ in client.stream_search("harbour"):
            pass
        async for _ in client.ingest([article]):
            pass
        with pytest.raises(RequestRefusedError):
            await client.get_article("none")
    names = {
        "SearchService/Search": "Search",
        "SearchService/StreamSearch": "StreamSearch",
        "ArticleService/StreamIngest": "StreamIngest",
        "ArticleService/GetArticle": "GetArticle",
    }
    while len([span for span in spans.ended if span.name.startswith("gistwire")]) < 2 * len(names):
        await asyncio.sleep(0)
    for called, served in names.items():
        call = spans.only(f"gistwire.v1.{called}")
        assert call.kind is SpanKind.CLIENT
        assert parent_of(call, spans.ended) is spans.only("page")
        assert parent_of(spans.only(f"gistwire {served}"), spans.ended) is call


async def test_a_call_that_reaches_no_server_ends_its_span(spans: RecordedSpans) -> None:
    async with GistwireClient(f"127.0.0.1:{free_port()}") as client:
        with pytest.raises(UnreachableError):
            await client.search("harbour", timeout_s=5)
    while not spans.ended:
        await asyncio.sleep(0)
    assert spans.only("gistwire.v1.SearchService/Search").parent is None
