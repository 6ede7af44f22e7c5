"""Fault 5: thousands of calls that are cancelled at every stage, on Elasticsearch, with a server that is watched."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import grpc
from gistwire.v1 import article_pb2, search_pb2, search_pb2_grpc
from gistwire_client.client import GistwireClient

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.conftest import LONG
from tests.faults.watched_server import watched_server

_HITS = 5
_CALLS = 10_000 if LONG else 2_000
_WARM_UP_CALLS = 4_000 if LONG else 1_500
_MAX_GROWN_OBJECTS = 1_000
_MAX_GROWN_BYTES = 2_500_000
"""A leak of gRPC is in it, of about 100 bytes a call (docs/decisions/0021-faults.md); ours shows in the objects."""


async def test_ten_thousand_cancelled_calls_leave_nothing_behind(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    elasticsearch = {"urls": [elasticsearch_server.url], "prefix": f"cancelled-{uuid4().hex[:8]}"}
    async with (
        watched_server(
            tmp_path, index="elasticsearch", elasticsearch=elasticsearch, summarizer="extracting"
        ) as server,
        GistwireClient(server.target) as client,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        async for _ in client.ingest(_article(number) for number in range(_HITS)):
            pass
        searching = search_pb2_grpc.SearchServiceStub(channel)
        assert await _search(searching) == _HITS
        await _leave_often(searching, _WARM_UP_CALLS)
        idle = await server.state()
        before = await server.settled(tasks=min(idle.tasks, 40))
        begin = time.monotonic()
        await _leave_often(searching, _CALLS)
        took_s = time.monotonic() - begin
        after = await server.settled(tasks=before.tasks)
        assert await _search(searching) == _HITS
    grown_bytes = after.resident_bytes - before.resident_bytes
    report_figure(
        f"fault 5: {_CALLS:,} calls on Elasticsearch, 1 ms apart, cancelled at every stage, in {took_s:.0f} s: "
        f"{after.tasks - before.tasks:+d} tasks, {after.objects - before.objects:+,d} objects of Python, "
        f"{after.files - before.files:+d} open files, {grown_bytes / 1e6:+.2f} MB"
    )
    assert after.files <= before.files + 10
    assert after.objects - before.objects <= _MAX_GROWN_OBJECTS
    assert grown_bytes <= _MAX_GROWN_BYTES


def _article(number: int) -> article_pb2.Article:
    return article_pb2.Article(id=f"a{number}", headline=f"Harbour news {number}", body="Ships wait outside.")


async def _search(searching: "search_pb2_grpc.SearchServiceAsyncStub") -> int:
    """Searches; returns the number of hits that ended in a summary."""
    request = search_pb2.StreamSearchRequest(query="harbour")
    return sum([event.HasField("summary") async for event in searching.StreamSearch(request, timeout=30)])


async def _leave_often(searching: "search_pb2_grpc.SearchServiceAsyncStub", count: int) -> None:
    """Begins so many searches, a millisecond apart, and leaves each after another time, up to 50 ms."""
    request = search_pb2.StreamSearchRequest(query="harbour")

    async def leave_after(delay_s: float) -> None:
        stream = searching.StreamSearch(request, timeout=20)
        await asyncio.sleep(delay_s)
        stream.cancel()

    async with asyncio.TaskGroup() as calls:
        for number in range(count):
            calls.create_task(leave_after(number % 50 / 1_000))
            await asyncio.sleep(0.001)
