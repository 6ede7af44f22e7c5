"""Fault 4: readers leave while Elasticsearch works for them: nothing goes on. Triton's part is in test_triton.py."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import grpc
from elasticsearch import AsyncElasticsearch
from gistwire.v1 import article_pb2, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client.client import GistwireClient

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.tcp_relay import TcpRelay
from tests.faults.watched_server import watched_server

_READERS = 4
_MAX_STOP_S = 1.0
_WITHIN_S = 60.0


async def test_elasticsearch_works_for_nobody_who_has_left(
    breakable_elasticsearch: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with (
        TcpRelay.running(breakable_elasticsearch.url.removeprefix("http://")) as relay,
        watched_server(
            tmp_path,
            index="elasticsearch",
            elasticsearch={"urls": [f"http://{relay.target}"], "prefix": f"left-{uuid4().hex[:8]}"},
            summarizer="extracting",
        ) as server,
        GistwireClient(server.target) as client,
        grpc.aio.insecure_channel(server.target) as channel,
        AsyncElasticsearch(breakable_elasticsearch.url) as cluster,
        asyncio.timeout(_WITHIN_S),
    ):
        async for _ in client.ingest([article_pb2.Article(id="a", headline="Harbour news")]):
            pass
        idle = await server.state()
        searching = search_pb2_grpc.SearchServiceStub(channel)
        await asyncio.to_thread(breakable_elasticsearch.freeze)
        try:
            # Cheap ones, so that all are let in at once.
            summary = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)
            request = search_pb2.StreamSearchRequest(query="harbour", summary=summary)
            streams = [searching.StreamSearch(request, timeout=50) for _ in range(_READERS)]
            for stream in streams:
                await stream.read()
            await relay.wait_for_connections(_READERS)
            requests = relay.connections
            begin = time.monotonic()
            for stream in streams:
                stream.cancel()
            await relay.wait_for_no_connection()
            dropped_s = time.monotonic() - begin
            await server.settled(tasks=idle.tasks)
        finally:
            await asyncio.to_thread(breakable_elasticsearch.thaw)
        begin = time.monotonic()
        while tasks := await _search_tasks(cluster):
            assert time.monotonic() - begin <= _WITHIN_S, tasks
        stopped_s = time.monotonic() - begin
        assert (await client.search("harbour")).results
        assert dropped_s <= _MAX_STOP_S
        report_figure(
            f"fault 4: {_READERS} readers left while Elasticsearch stood still: their {requests} requests "
            f"dropped after {dropped_s * 1e3:.0f} ms; {stopped_s * 1e3:.0f} ms after it went on none was left"
        )


async def _search_tasks(cluster: AsyncElasticsearch) -> list[str]:
    """What searches the cluster is at."""
    listed = await cluster.perform_request(
        "GET",
        "/_tasks",
        params={"actions": "indices:data/read/*", "detailed": "true"},
        headers={"accept": "application/json"},
    )
    return [
        task["description"]
        for node in listed.body.get("nodes", {}).values()
        for task in node["tasks"].values()
    ]
