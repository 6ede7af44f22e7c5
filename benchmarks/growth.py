"""First-hit times and recall as a cluster grows: how an Elasticsearch index behaves from 10 k to 1 M articles.

Embedding a million articles takes hours on a CPU. So only the given articles are embedded; the embedding of one that
is recombined from two is the mean of theirs with some noise, which keeps the clusters and gaps of real ones.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
from gistwire.v1 import search_pb2, search_pb2_grpc, specs_pb2
from gistwire_indexer.elasticsearch import ElasticsearchIndex, ElasticsearchStore
from gistwire_indexer.index import DEFAULT_TENANT, ArticleToIndex, RetrievalQuery, Visibility
from gistwire_indexer.preprocessing import preprocess
from gistwire_indexer.sources import RawArticle
from gistwire_models.encoder import Embedding, Priority
from gistwire_server.app import running_server
from gistwire_server.config import ServerConfig, load_config
from gistwire_server.engines import Engines

from benchmarks.corpus import parents_of_recombined, read_articles, recombined
from benchmarks.machine import describe_machine

_TOP_K = 10
_WRITE_BATCH = 500
_WRITES_UNDER_WAY = 3
_NOISE = 0.35
_MAX_EMBEDDED = 20_000


def measure_growth(
    url: str, prefix: str, sizes: Sequence[int], sources: Sequence[str], searches: int, *, keep: bool
) -> None:
    """Prints the figures at each size of the index; the index goes afterwards unless it is to be kept.

    An index that an earlier run kept, of the same sources, is measured as it is, and written on.
    """
    print(describe_machine())
    articles = read_articles(sources)
    # Every tenth is only searched for, so that no query finds itself.
    asked = articles[::10][:searches]
    base = [article for place, article in enumerate(articles) if place % 10][:_MAX_EMBEDDED]
    names = ", ".join(Path(source).name for source in sources) or "the sample corpus"
    print(
        f"corpus: {len(base)} articles of {names}, recombined beyond that; {len(asked)} headlines as queries"
    )
    with TemporaryDirectory(prefix="gistwire-bench-") as folder:
        config = load_config(
            data_dir=Path(folder),
            listen="unix",
            index="elasticsearch",
            elasticsearch={"urls": [url], "prefix": prefix},
            # The queries are embedded for the recall before they are searched for.
            cache={"embeddings": 0, "answers_bytes": 0},
        )
        asyncio.run(_measure(config, base, [article.headline for article in asked], sorted(sizes), keep=keep))


async def _measure(
    config: ServerConfig,
    base: Sequence[RawArticle],
    queries: Sequence[str],
    sizes: Sequence[int],
    *,
    keep: bool,
) -> None:
    async with running_server(config) as running:
        engines = running.engines
        store = running.store
        if not isinstance(store, ElasticsearchStore) or not isinstance(engines.index, ElasticsearchIndex):
            raise TypeError("the configuration names no Elasticsearch")
        print(f"Elasticsearch {await _version(store)}, {config.elasticsearch.shards} shard, int8_hnsw")
        try:
            corpus = _Corpus(base, await _embed(engines, base), sizes[-1])
            asked = await engines.encoder.encode(list(queries), priority=Priority.QUERY)
            written = (await engines.index.statistics()).articles
            corpus.skip(written)
            for size in sizes:
                if size < written:
                    continue
                print(f"\n{size} articles")
                if size > written:
                    took_s = await _write(engines.index, corpus, written, size)
                    rate = (size - written) / took_s
                    print(f"  write             {rate:8.0f} articles/s, embedded already")
                written = size
                await store.client.indices.refresh(index=store.names(DEFAULT_TENANT).read)
                figures = await engines.index.statistics()
                print(f"  on disk           {figures.bytes_on_disk / 1e6:8.0f} MB")
                recall = await _recall(engines, corpus.embeddings[:size], asked)
                print(f"  recall@{_TOP_K} of the dense leg against exact search {recall:.4f}")
                await _raw_retrieval(engines, queries, asked)
                await _first_hits(running.target, queries)
        finally:
            if not keep:
                await _delete(store)


class _Corpus:
    """Articles with their embeddings.

    Attributes:
        embeddings: ``float32 [count, dimension]``.
    """

    def __init__(self, base: Sequence[RawArticle], embeddings: Embedding, count: int) -> None:
        self._articles = recombined(base, count)
        noise = np.random.default_rng(7)
        self.embeddings = np.zeros((count, embeddings.shape[1]), np.float32)
        for place, parents in enumerate(parents_of_recombined(len(base), count)):
            vector = embeddings[list(parents)].mean(axis=0)
            if len(parents) > 1:
                direction = noise.normal(size=vector.shape)
                vector = vector / np.linalg.norm(vector) + _NOISE * direction / np.linalg.norm(direction)
            self.embeddings[place] = vector / np.linalg.norm(vector)

    def skip(self, count: int) -> None:
        """Passes over articles that an earlier run has left in the index."""
        for _ in islice(self._articles, count):
            pass

    def batch(self, start: int, end: int) -> list[ArticleToIndex]:
        """Returns articles, which are made as they are asked for: in order, each once."""
        return [
            ArticleToIndex(preprocess(next(self._articles)), self.embeddings[place])
            for place in range(start, end)
        ]


async def _embed(engines: Engines, base: Sequence[RawArticle]) -> Embedding:
    texts = [preprocess(article).text for article in base]
    parts = []
    for start in range(0, len(texts), 1_000):
        parts.append(await engines.encoder.encode(texts[start : start + 1_000], priority=Priority.INGEST))
        _report(f"embedded {start + len(parts[-1])} of {len(texts)}")
    embeddings: Embedding = np.concatenate(parts)
    return embeddings


async def _write(index: ElasticsearchIndex, corpus: _Corpus, start: int, end: int) -> float:
    """Writes articles; returns the time it took, in seconds."""
    begin = time.perf_counter()
    places = asyncio.Semaphore(_WRITES_UNDER_WAY)

    async def write(batch: Sequence[ArticleToIndex]) -> None:
        try:
            await index.write(batch, visibility=Visibility.EVENTUAL)
        finally:
            places.release()

    async with asyncio.TaskGroup() as tasks:
        for place in range(start, end, _WRITE_BATCH):
            await places.acquire()
            batch = corpus.batch(place, min(place + _WRITE_BATCH, end))
            tasks.create_task(write(batch))
            if place % 10_000 == 0:
                _report(f"written {place} of {end}, {(place - start) / (time.perf_counter() - begin):.0f}/s")
    return time.perf_counter() - begin


async def _recall(engines: Engines, embeddings: Embedding, asked: Embedding) -> float:
    shares = []
    for vector in asked:
        exact = np.argpartition(-(embeddings @ vector), _TOP_K)[:_TOP_K]
        threshold = float((embeddings[exact] @ vector).min())
        lists = await engines.index.retrieve(RetrievalQuery(None, vector, None, _TOP_K))
        # By cosine, not by identifier: which of several equal ones comes first is chance.
        shares.append(sum(hit.score >= threshold - 1e-4 for hit in lists.dense) / _TOP_K)
    return statistics.mean(shares)


async def _raw_retrieval(engines: Engines, queries: Sequence[str], asked: Embedding) -> None:
    times_ms = []
    for query, vector in zip(queries, asked, strict=True):
        begin = time.perf_counter()
        await engines.index.retrieve(RetrievalQuery(query, vector, None, engines.config.retrieval.depth))
        times_ms.append((time.perf_counter() - begin) * 1e3)
    print(f"  raw msearch       {_percentiles(times_ms)}")


async def _first_hits(target: str, queries: Sequence[str]) -> None:
    times_ms = []
    spec = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)
    async with grpc.aio.insecure_channel(target) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        for query in queries:
            request = search_pb2.StreamSearchRequest(query=query, top_k=_TOP_K, summary=spec)
            begin = time.perf_counter()
            times_ms += [
                (time.perf_counter() - begin) * 1e3
                async for event in stub.StreamSearch(request)
                if event.HasField("hits")
            ]
    print(f"  first hit         {_percentiles(times_ms)}")


async def _version(store: ElasticsearchStore) -> str:
    nodes = await store.client.nodes.info(metric="plugins")
    return ", ".join(sorted({str(node["version"]) for node in nodes["nodes"].values()}))


async def _delete(store: ElasticsearchStore) -> None:
    names = list(await store.client.indices.get(index=f"{store.settings.prefix}.*"))
    if names:
        await store.client.indices.delete(index=names)


def _percentiles(times_ms: Sequence[float]) -> str:
    cuts = statistics.quantiles(times_ms, n=100)
    return f"p50 {cuts[49]:7.1f} ms  p95 {cuts[94]:7.1f} ms  p99 {cuts[98]:7.1f} ms"


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
