"""Fault 12: bulk requests to Elasticsearch with bad documents, refusals for now, and answers that never come.

Bad documents become dead letters with reasons; good ones are indexed exactly once.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from gistwire_client.client import GistwireClient
from gistwire_client.commands.ingest import send
from gistwire_client.source_articles import SourceArticles
from gistwire_indexer.elasticsearch import ElasticsearchStore
from gistwire_indexer.index import DEFAULT_TENANT
from gistwire_indexer.sources import SourceFormat
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer
from gistwire_server.app import serving
from gistwire_server.config import ServerConfig, load_config
from gistwire_server.engines import Engines
from gistwire_server.paging import TokenSigner
from gistwire_server.scoring import Scorer
from gistwire_server.storage import open_store

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.flaky_proxy import Faults, FlakyProxy

ARTICLES = 400
# 5 % of the articles, half of them refused by the indexer and half by the index.
NO_HEADLINE = range(7, ARTICLES, 40)
NO_MAPPING = range(23, ARTICLES, 40)
UNFIT = "does not fit the mapping"
FAULTS = Faults(busy=0.2, dropped=0.1, busy_items=0.05, refused=UNFIT)


@dataclass
class Cluster:
    """A server whose index is reached through a proxy, and the index without it.

    Attributes:
        target: the server.
        proxy: what its index is reached through.
        store: the index, reached directly.
    """

    target: str
    proxy: FlakyProxy
    store: ElasticsearchStore


@pytest.fixture
async def cluster(elasticsearch_server: ElasticsearchServer, tmp_path: Path) -> AsyncIterator[Cluster]:
    encoder, prefix = ScriptedEncoder(), f"partial-{uuid4().hex[:8]}"

    def config(url: str) -> ServerConfig:
        return load_config(
            data_dir=tmp_path,
            listen="unix",
            index="elasticsearch",
            elasticsearch={"urls": [url], "prefix": prefix},
        )

    async with FlakyProxy.running(elasticsearch_server.url, FAULTS, seed=12) as proxy:
        stores = [
            await open_store(config(url), model=encoder.model, dimension=encoder.dimension)
            for url in (proxy.url, elasticsearch_server.url)
        ]
        through, directly = stores
        assert isinstance(directly, ElasticsearchStore)
        engines = Engines(
            config=config(proxy.url),
            index=await through.tenant(DEFAULT_TENANT),
            user_events=await through.user_events(DEFAULT_TENANT),
            encoder=encoder,
            summarizer=ScriptedSummarizer(),
            scorer=Scorer(),
            signer=TokenSigner(b"k" * 32, lifetime_s=600),
        )
        async with serving(engines) as running:
            yield Cluster(running.target, proxy, directly)
        for store in stores:
            await store.close()


async def test_bad_documents_are_kept_and_good_ones_indexed_exactly_once(
    cluster: Cluster, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    source, letters = tmp_path / "news.jsonl", tmp_path / "letters.jsonl"
    await asyncio.to_thread(write_source, source)
    articles = SourceArticles([str(source)], SourceFormat.JSONL, letters)
    async with GistwireClient(cluster.target) as client:
        totals = await send(client, articles, total=None, as_json=False)

    assert all(cluster.proxy.counts[fault] for fault in ("busy", "dropped", "busy_items", "refused"))
    bad = {*NO_HEADLINE, *NO_MAPPING}
    reasons = {entry["line"] - 1: (entry["field"], entry["reason"]) for entry in entries(letters)}
    assert len(entries(letters)) == len(reasons) == len(bad) == totals.rejected == ARTICLES // 20
    assert {reasons[number][0] for number in NO_HEADLINE} == {"headline"}
    assert all("document_parsing_exception" in reasons[number][1] for number in NO_MAPPING)

    good = [f"a{number}" for number in range(ARTICLES) if number not in bad]
    # An article of which the stream broke before its acknowledgement is unchanged when it is sent again.
    assert totals.created + totals.unchanged == len(good)
    assert await versions(cluster.store) == Counter(dict.fromkeys(good, 1))
    counts = cluster.proxy.counts
    report_figure(
        f"fault 12: {ARTICLES} articles, {len(bad)} of them bad, {counts['busy']} bulk requests answered by 429 or "
        f"503, {counts['busy_items']} actions by 429, {counts['dropped']} never: {len(bad)} dead letters "
        f"with reasons, {len(good)} articles written exactly once"
    )


async def versions(store: ElasticsearchStore) -> dict[str, int]:
    """How often each article was written."""
    names = store.names(DEFAULT_TENANT)
    await store.client.indices.refresh(index=names.read)
    response = await store.client.search(index=names.read, size=2 * ARTICLES, version=True)
    return {hit["_source"]["id"]: hit["_version"] for hit in response["hits"]["hits"]}


def write_source(path: Path) -> None:
    with path.open("w") as file:
        for number in range(ARTICLES):
            headline = "" if number in NO_HEADLINE else f"News of day {number}"
            body = UNFIT if number in NO_MAPPING else "Nothing much."
            article = {"id": f"a{number}", "headline": headline, "body": body, "language": "en"}
            file.write(json.dumps(article) + "\n")


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
