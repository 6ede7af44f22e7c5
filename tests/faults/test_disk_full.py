"""Fault 15: the disk of the cluster is full: writes pause, searches go on, writes resume by themselves.

Elasticsearch decides by watermarks when a disk is full. Setting them above what any disk has makes it so, and the
same code of the server blocks the writes.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from elasticsearch import AsyncElasticsearch
from gistwire.v1 import article_pb2

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.conftest import deployed

_WATERMARKS = ("flood_stage", "high", "low")
_NOTICED_WITHIN_S = 120.0
_BLOCK = "index.blocks.read_only_allow_delete"


async def test_writes_pause_and_resume_while_searches_go_on(
    breakable_elasticsearch: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with deployed(breakable_elasticsearch.url, tmp_path) as deployment:
        cluster = deployment.store.client
        alias = deployment.store.names("default").read

        async def ingest(article_id: str) -> list[article_pb2.IngestAcknowledgement]:
            article = article_pb2.Article(id=article_id, headline=f"Harbour news {article_id}")
            events = [event async for event in deployment.client.ingest([article])]
            return [event for event in events if isinstance(event, article_pb2.IngestAcknowledgement)]

        await ingest("before")
        await _set_watermarks(cluster, "1000000gb")
        await _until_blocked(cluster, alias, blocked=True)
        paused = time.monotonic()
        waiting = asyncio.create_task(ingest("during"))
        for _ in range(20):
            response = await deployment.client.search("harbour")
            assert [result.hit.article.id for result in response.results] == ["before"]
        assert not waiting.done()
        await _set_watermarks(cluster, None)
        await _until_blocked(cluster, alias, blocked=False)
        unblocked = time.monotonic()
        [acknowledgement] = await waiting
        resumed_s = time.monotonic() - unblocked
        assert acknowledgement.outcome == article_pb2.IngestAcknowledgement.CREATED
        found = await deployment.client.search("harbour")
        assert sorted(result.hit.article.id for result in found.results) == ["before", "during"]
        report_figure(
            f"fault 15: disk full for {unblocked - paused:.0f} s: 20 of 20 searches answered; the write that "
            f"waited was acknowledged {resumed_s:.1f} s after the block was gone"
        )


async def _set_watermarks(cluster: AsyncElasticsearch, free: str | None) -> None:
    """Makes the cluster take its disk for full when less is free."""
    settings = {f"cluster.routing.allocation.disk.watermark.{name}": free for name in _WATERMARKS}
    settings["cluster.routing.allocation.disk.watermark.flood_stage.max_headroom"] = None
    await cluster.cluster.put_settings(persistent=settings)


async def _until_blocked(cluster: AsyncElasticsearch, alias: str, *, blocked: bool) -> None:
    """Waits until the cluster has looked at its disk, which it does every ten seconds."""
    async with asyncio.timeout(_NOTICED_WITHIN_S):
        while True:
            response = await cluster.indices.get_settings(index=alias, name=_BLOCK, flat_settings=True)
            present = any(index["settings"].get(_BLOCK) == "true" for index in response.values())
            if present is blocked:
                return
            await asyncio.sleep(0.2)
