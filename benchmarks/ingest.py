"""Ingest through a running server, against what raw encoding and raw bulk writes of the same articles allow."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from gistwire.v1 import article_pb2
from gistwire_client import GistwireClient
from gistwire_client.source_articles import to_message
from gistwire_indexer.article import Article
from gistwire_indexer.deduplication import fingerprint
from gistwire_indexer.index import DEFAULT_TENANT, ArticleIndex, ArticleStore, ArticleToIndex, Visibility
from gistwire_indexer.preprocessing import preprocess
from gistwire_indexer.sources import RawArticle
from gistwire_models.encoder import Embedding, TextEncoder
from gistwire_server.app import RunningServer, running_server
from gistwire_server.config import ServerConfig, load_config
from gistwire_server.storage import open_store

from benchmarks.corpus import read_articles, recombined
from benchmarks.machine import describe_machine

_ROUNDS = 4
_RAW_BATCH = 256
_TARGET = 0.8


@dataclass(slots=True)
class _Seconds:
    """How long each way has taken so far, in seconds."""

    encode: float = 0.0
    bulk: float = 0.0
    ingest: float = 0.0


def measure_ingest(*, index: str, url: str, articles: int, visibility: str, sources: Sequence[str]) -> None:
    """Prints throughputs and their ratios.

    Args:
        index: ``"embedded"`` or ``"elasticsearch"``.
        url: address of the cluster, if that is the index.
        articles: how many.
        visibility: name of an `IngestOptions.Visibility` in lower case.
        sources: where they come from; none for the sample corpus.
    """
    print(f"{describe_machine()}, elasticsearch {version('elasticsearch')}")
    print(f"{articles:,} articles of {', '.join(sources) or 'the sample corpus'}, recombined beyond that")
    print(f"index {index}, visibility {visibility}, {_ROUNDS} rounds of each way in turn")
    raw = list(recombined(read_articles(sources), articles))
    with TemporaryDirectory(prefix="gistwire-bench-") as folder:
        seconds = asyncio.run(_measure(Path(folder), index, url, raw, visibility))
    _print_rates(articles, seconds)


async def _measure(
    folder: Path, index: str, url: str, raw: Sequence[RawArticle], visibility: str
) -> _Seconds:
    run = uuid4().hex[:8]
    served = _config(folder / "served", index, url, f"bench-{run}-served")
    written = _config(folder / "written", index, url, f"bench-{run}-written")
    options = article_pb2.IngestOptions(
        visibility=article_pb2.IngestOptions.Visibility.Value(visibility.upper())
    )
    seconds = _Seconds()
    async with (
        running_server(served) as running,
        _raw_index(written, running.engines.encoder) as raw_index,
        GistwireClient(running.target) as client,
    ):
        for number in range(_ROUNDS):
            part = raw[number::_ROUNDS]
            articles = [preprocess(each) for each in part]
            begin_s = time.perf_counter()
            embeddings = await _encode(running, articles)
            seconds.encode += time.perf_counter() - begin_s

            to_index = [
                ArticleToIndex(article, embedding, fingerprint(article.text))
                for article, embedding in zip(articles, embeddings, strict=True)
            ]
            begin_s = time.perf_counter()
            await _write(raw_index, to_index)
            seconds.bulk += time.perf_counter() - begin_s

            messages = [to_message(each) for each in part]
            begin_s = time.perf_counter()
            async for _ in client.ingest(messages, options=options):
                pass
            seconds.ingest += time.perf_counter() - begin_s
        await _remove_served(served, running.engines.encoder)
    return seconds


async def _encode(running: RunningServer, articles: Sequence[Article]) -> Embedding:
    return await running.engines.encoder.encode([article.text for article in articles])


async def _write(index: ArticleIndex, articles: Sequence[ArticleToIndex]) -> None:
    for start in range(0, len(articles), _RAW_BATCH):
        await index.write(articles[start : start + _RAW_BATCH], visibility=Visibility.EVENTUAL)


@asynccontextmanager
async def _raw_index(config: ServerConfig, encoder: TextEncoder) -> AsyncIterator[ArticleIndex]:
    """An index that nothing but raw writes goes to."""
    store = await open_store(config, model=encoder.model, dimension=encoder.dimension)
    try:
        yield await store.tenant(DEFAULT_TENANT)
    finally:
        await _remove(store, config)
        await store.close()


async def _remove_served(config: ServerConfig, encoder: TextEncoder) -> None:
    store = await open_store(config, model=encoder.model, dimension=encoder.dimension)
    await _remove(store, config)
    await store.close()


async def _remove(store: ArticleStore, config: ServerConfig) -> None:
    """Removes the indices of a run from a cluster."""
    if config.index == "embedded":
        return
    from gistwire_indexer.elasticsearch import ElasticsearchStore  # noqa: PLC0415

    if isinstance(store, ElasticsearchStore):
        # Clusters refuse to delete by a pattern.
        names = list(await store.client.indices.get(index=f"{config.elasticsearch.prefix}*"))
        if names:
            await store.client.indices.delete(index=names)


def _config(folder: Path, index: str, url: str, prefix: str) -> ServerConfig:
    return load_config(
        data_dir=folder,
        listen="unix",
        summarizer="extracting",
        index=index,
        elasticsearch={"urls": [url], "prefix": prefix},
    )


def _print_rates(articles: int, seconds: _Seconds) -> None:
    encode, bulk, ingest = (articles / each for each in (seconds.encode, seconds.bulk, seconds.ingest))
    overlapped = min(encode, bulk)
    in_turn = articles / (seconds.encode + seconds.bulk)
    print(f"  raw encode                   {encode:8.0f} articles/s")
    print(f"  raw bulk, {_RAW_BATCH} at a time       {bulk:8.0f} articles/s")
    print(f"  StreamIngest                 {ingest:8.0f} articles/s")
    met = "met" if ingest >= _TARGET * overlapped else "missed"
    print(f"  against the slower stage     {ingest / overlapped:8.0%} (target {_TARGET:.0%}: {met})")
    print(f"  against one after the other  {ingest / in_turn:8.0%}")
