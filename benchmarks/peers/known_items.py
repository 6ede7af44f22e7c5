"""The corpus that all systems get, and searches whose right answer is known: `prepare`."""

import asyncio
import json
import random
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import grpc
import msgspec
from gistwire.v1 import search_pb2, search_pb2_grpc, specs_pb2
from gistwire_indexer.ingestion import Ingestor
from gistwire_indexer.sources import RawArticle
from gistwire_server.app import running_server
from gistwire_server.config import load_config

from benchmarks.corpus import read_articles
from benchmarks.machine import quiet_log
from benchmarks.peers.errors import TooFewArticlesError

_INGEST_BATCH = 64
_SHORTEST_BODY = 80
"""In characters: what is shorter can hardly be found, and txtai's `Summary` gives short texts back unchanged."""

_HEADLINE_WORDS = 8
_PATIENCE_S = 60.0
_CANDIDATES_PER_QUERY = 6
"""So many articles are looked at for each query that is wanted, as most share a hit with another."""


@dataclass(frozen=True, slots=True)
class KnownItem:
    """A query, and the article that it was the headline of.

    Attributes:
        query: the headline, which is not in the index.
        article_id: the article.
    """

    query: str
    article_id: str


@dataclass(frozen=True, slots=True)
class PeersCorpus:
    """Articles and searches.

    Attributes:
        articles_file: the articles, JSON lines with ``id``, ``headline`` and ``body``.
        data_dir: a data folder of Gistwire with the same articles. Searches write: use copies.
        articles: how many there are.
        items: queries no two of which find the same article in Gistwire, so that it has stored nothing for any.
    """

    articles_file: str
    data_dir: str
    articles: int
    items: list[KnownItem]


def prepare(folder: Path, sources: Sequence[str], *, articles: int, queries: int, top_k: int) -> PeersCorpus:
    """Writes the articles down, indexes them, and chooses queries; or reads what an earlier run has left.

    Of articles whose headline becomes a query, the index has the first words of the body as their headline.

    Args:
        folder: where; what a run with as many queries or more has left there is taken.
        sources: files of articles; none for the sample corpus.
        articles: most articles.
        queries: how many are wanted.
        top_k: hits of each.

    Raises:
        TooFewArticlesError: there are not so many queries in them.
    """
    done = folder / "corpus.json"
    corpus = msgspec.json.decode(done.read_bytes(), type=PeersCorpus) if done.exists() else None
    if corpus is None or len(corpus.items) < queries:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # Not here, where the models would remain in memory.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=quiet_log) as process:
            corpus = process.submit(_prepare, folder, sources, articles, queries, top_k).result()
        done.write_bytes(msgspec.json.encode(corpus))
    return replace(corpus, items=corpus.items[:queries])


def withhold_headlines(
    articles: Sequence[RawArticle], chosen: Sequence[int]
) -> tuple[list[RawArticle], list[KnownItem]]:
    """Takes the headlines away from some articles; returns all articles, and the queries."""
    left = list(articles)
    items = []
    for place in chosen:
        article = articles[place]
        items.append(KnownItem(article.headline, article.id))
        left[place] = replace(article, headline=" ".join(article.body.split()[:_HEADLINE_WORDS]))
    return left, items


def _prepare(folder: Path, sources: Sequence[str], articles: int, queries: int, top_k: int) -> PeersCorpus:
    return asyncio.run(_index_and_choose(folder, sources, articles, queries, top_k))


async def _index_and_choose(
    folder: Path, sources: Sequence[str], articles: int, queries: int, top_k: int
) -> PeersCorpus:
    usable = [
        replace(article, id=str(place), category="", published=None)
        for place, article in enumerate(read_articles(sources))
        if len(article.body) >= _SHORTEST_BODY and article.headline
    ][:articles]
    wanted = min(queries * _CANDIDATES_PER_QUERY, len(usable))
    left, candidates = withhold_headlines(usable, random.Random(5).sample(range(len(usable)), wanted))
    articles_file = folder / "articles.jsonl"
    with articles_file.open("w", encoding="utf-8") as lines:
        for article in left:
            fields = {"id": article.id, "headline": article.headline, "body": article.body}
            lines.write(json.dumps(fields) + "\n")
    data_dir = folder / "prepared"
    async with running_server(load_config(data_dir=data_dir, listen="unix")) as running:
        ingestor = Ingestor(running.engines.index, running.engines.encoder)
        for start in range(0, len(left), _INGEST_BATCH):
            await ingestor.ingest(left[start : start + _INGEST_BATCH])
        items = await _disjoint(running.target, candidates, wanted=queries, top_k=top_k)
    if len(items) < queries:
        raise TooFewArticlesError(f"{len(left)} articles have but {len(items)} queries without a common hit")
    return PeersCorpus(str(articles_file), str(data_dir), len(left), items)


async def _disjoint(
    target: str, candidates: Sequence[KnownItem], *, wanted: int, top_k: int
) -> list[KnownItem]:
    """Returns the first items whose queries find articles that no earlier one has found."""
    items: list[KnownItem] = []
    taken: set[str] = set()
    no_summaries = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)
    async with grpc.aio.insecure_channel(target) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        for item in candidates:
            request = search_pb2.SearchRequest(query=item.query, page_size=top_k, summary=no_summaries)
            response = await stub.Search(request, timeout=_PATIENCE_S)
            ids = [result.hit.article.id for result in response.results]
            if len(ids) == top_k and taken.isdisjoint(ids):
                taken.update(ids)
                items.append(item)
            if len(items) == wanted:
                break
    return items
