"""Fault 1: Elasticsearch is killed in the middle of a stream, and comes back."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import article_pb2, search_pb2
from gistwire_models.scripted import SummaryScript

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.conftest import Deployment, deployed

_HITS = 5


async def test_what_was_sent_stands_and_searches_come_back(
    breakable_elasticsearch: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    server = breakable_elasticsearch
    async with deployed(server.url, tmp_path) as deployment:
        await _ingest(deployment)
        gate = asyncio.Event()
        deployment.summarizer.scripts = {
            f"a{number}": SummaryScript(deltas=[f"Harbour news {number}."], end_gate=gate)
            for number in range(_HITS)
        }
        stream = aiter(deployment.searching.StreamSearch(search_pb2.StreamSearchRequest(query="harbour")))
        while not (await anext(stream)).HasField("hits"):
            pass
        await asyncio.to_thread(server.kill)
        gate.set()
        rest = [event.WhichOneof("event") async for event in stream]
        assert rest.count("summary") == _HITS
        assert rest[-1] == "completed"

        begin = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await _search(deployment)
        refused_s = time.monotonic() - begin
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert refused_s <= 1

        await asyncio.to_thread(server.start)
        recovered_s = await _recovery_s(deployment)
        assert recovered_s <= 10
        report_figure(
            f"fault 1: Elasticsearch killed mid-stream: all {_HITS} summaries came; UNAVAILABLE after "
            f"{refused_s * 1e3:.0f} ms; first search {recovered_s:.2f} s after it was back"
        )


async def test_frozen_cluster_ends_with_the_deadline(
    breakable_elasticsearch: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    server = breakable_elasticsearch
    async with deployed(server.url, tmp_path) as deployment:
        await _ingest(deployment)
        await asyncio.to_thread(server.freeze)
        try:
            begin = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await _search(deployment, timeout_s=1.0)
            took_s = time.monotonic() - begin
        finally:
            await asyncio.to_thread(server.thaw)
        assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert took_s <= 1.2
        recovered_s = await _recovery_s(deployment)
        report_figure(
            f"fault 3: Elasticsearch frozen: a search of 1 s ended after {took_s:.2f} s; the next one after "
            f"the thaw took {recovered_s:.2f} s"
        )


async def _ingest(deployment: Deployment) -> None:
    articles = [
        article_pb2.Article(id=f"a{number}", headline=f"Harbour news {number}", body="Ships wait outside.")
        for number in range(_HITS)
    ]
    async for _ in deployment.client.ingest(articles):
        pass


async def _search(deployment: Deployment, timeout_s: float = 5.0) -> int:
    """Searches; returns the number of hits."""
    request = search_pb2.StreamSearchRequest(query="harbour")
    hits = 0
    async for event in deployment.searching.StreamSearch(request, timeout=timeout_s):
        hits += len(event.hits.hits)
    return hits


async def _recovery_s(deployment: Deployment) -> float:
    """Searches until there are all hits again; returns how long that took, in seconds."""
    begin = time.monotonic()
    while time.monotonic() - begin < 30:
        try:
            if await _search(deployment) == _HITS:
                return time.monotonic() - begin
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise
        await asyncio.sleep(0.1)
    raise AssertionError("searches did not come back within 30 s")
