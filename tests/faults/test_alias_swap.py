"""Fault 14: the index is rebuilt and swapped, twenty times, while searches run."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from gistwire.v1 import article_pb2, search_pb2, specs_pb2
from gistwire_indexer.elasticsearch import rebuild

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.conftest import deployed

_SWAPS = 20
_SEARCHES_UNDER_WAY = 4
_ARTICLES = 30


async def test_no_search_fails_or_is_empty_or_mixed(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with deployed(elasticsearch_server.url, tmp_path) as deployment:
        articles = [
            article_pb2.Article(id=f"a{number:02}", headline=f"Harbour news {number:02}")
            for number in range(_ARTICLES)
        ]
        async for _ in deployment.client.ingest(articles):
            pass
        request = search_pb2.StreamSearchRequest(
            query="harbour", top_k=10, summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)
        )
        swapping = True

        async def search_on() -> int:
            searches = 0
            while swapping:
                kinds, hits = [], []
                async for event in deployment.searching.StreamSearch(request):
                    kinds.append(event.WhichOneof("event"))
                    hits += [hit.article for hit in event.hits.hits]
                assert kinds[-1] == "completed"
                assert len({hit.id for hit in hits}) == 10
                assert all(hit.headline == f"Harbour news {hit.id[1:]}" for hit in hits)
                searches += 1
            return searches

        searching = [asyncio.create_task(search_on()) for _ in range(_SEARCHES_UNDER_WAY)]
        blocked_s = []
        try:
            for _ in range(_SWAPS):
                result = await rebuild(deployment.store, "default", deployment.encoder, grace_s=0.5)
                assert result.articles == _ARTICLES
                blocked_s.append(result.writes_blocked_s)
        finally:
            swapping = False
            counts = await asyncio.gather(*searching)
        assert min(counts) > _SWAPS
        report_figure(
            f"fault 14: {_SWAPS} swaps, {sum(counts)} searches meanwhile: none failed, was empty or mixed; "
            f"writes blocked {max(blocked_s) * 1e3:.0f} ms at most"
        )
