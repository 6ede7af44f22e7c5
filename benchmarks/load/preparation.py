"""Makes an index in each of its states, and finds queries for it: `prepare_corpus`, in a process of its own."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import grpc
from gistwire.v1 import search_pb2, search_pb2_grpc, specs_pb2, summary_pb2, summary_pb2_grpc
from gistwire_indexer.ingestion import Ingestor
from gistwire_indexer.sources import RawArticle
from gistwire_server.app import RunningServer, running_server

from benchmarks.corpus import read_articles, recombined
from benchmarks.load.corpus import CorpusOptions, LoadCorpus, read_corpus, write_corpus
from benchmarks.machine import quiet_log

Item = TypeVar("Item")

_INGEST_BATCH = 32
_UNDER_WAY = 4
_WARM_UP = 8
_RAW_SEARCHES = 8
_SINGLE = 1_000
_TRIED_FOR_POOL = 2
"""Times as many queries are tried for the pool as it has; those are taken of whose hits most are stored."""

_TRIED_FOR_COLD = 15
"""Most queries that are tried for each that finds articles of its own."""

_PATIENCE_S = 60.0
_ONE_CANDIDATE = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.BEST, candidates=1)
_NO_SUMMARY = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)


def prepare_corpus(folder: Path, options: CorpusOptions) -> LoadCorpus:
    """Makes an index and its states, unless an earlier run has left them in the folder.

    Args:
        folder: where; the index in each state is in a folder of that name in it.
        options: of what.

    Raises:
        ValueError: there are too few articles.
    """
    found = read_corpus(folder, options)
    if found is not None:
        return found
    # Not here, where the models would remain, and with them the instructions that they have chosen.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=quiet_log) as process:
        corpus = process.submit(_prepare, folder, options).result()
    write_corpus(folder, corpus)
    return corpus


def _prepare(folder: Path, options: CorpusOptions) -> LoadCorpus:
    return asyncio.run(_prepare_states(folder, options))


async def _prepare_states(folder: Path, options: CorpusOptions) -> LoadCorpus:
    articles = read_articles(options.sources)
    count = options.articles or len(articles)
    headlines = [each.headline for each in articles]
    random.Random(3).shuffle(headlines)
    tried = headlines[: options.pool * _TRIED_FOR_POOL]
    single = headlines[len(tried) :][: min(_SINGLE, (len(headlines) - len(tried)) // 2)]
    shutil.rmtree(folder, ignore_errors=True)
    options.setting.delete_indices()
    made = list(recombined(articles, count))
    async with _state("cold", folder, options, made) as running:
        disjoint = await _disjoint_hits(running, headlines[len(tried) + len(single) :], options)
        warm_up, cold = list(disjoint)[:_WARM_UP], list(disjoint)[_WARM_UP:]
        if not cold:
            raise ValueError(f"{count} articles are too few for queries that find articles of their own")
        raw = [await _texts(running, disjoint[query]) for query in cold[:_RAW_SEARCHES]]
    half = {query: disjoint[query] for query in cold}
    async with _state("half", folder, options, made) as running:
        await _store_every_second(running, list(half.values()))
        stored_half = await _stored_shares(running, half)
    async with _state("warm", folder, options, made) as running:
        stored_tried = await _stored_shares(running, await _search_and_store(running, tried, options.top_k))
    pool = sorted(tried, key=lambda query: -stored_tried[query])[: options.pool]
    random.Random(5).shuffle(pool)
    return LoadCorpus(
        options=options,
        articles=count,
        warm_up=warm_up,
        cold=cold,
        pool=pool,
        single=single,
        stored={"cold": {}, "half": stored_half, "warm": {query: stored_tried[query] for query in pool}},
        lasting_share=sum(stored_tried.values()) / len(tried),
        raw=raw,
    )


@asynccontextmanager
async def _state(
    state: str, folder: Path, options: CorpusOptions, articles: Sequence[RawArticle]
) -> AsyncIterator[RunningServer]:
    """A server on all articles, of which nothing is stored yet."""
    is_copied = state != "cold" and options.setting.url is None
    if is_copied:
        shutil.copytree(folder / "cold", folder / state)
    async with running_server(options.setting.config(state, folder / state)) as running:
        if not is_copied:
            await _ingest(running, articles)
        yield running


async def _ingest(running: RunningServer, articles: Sequence[RawArticle]) -> None:
    ingestor = Ingestor(running.engines.index, running.engines.encoder)

    async def ingest(batch: Sequence[RawArticle]) -> None:
        await ingestor.ingest(batch)

    batches = [articles[start : start + _INGEST_BATCH] for start in range(0, len(articles), _INGEST_BATCH)]
    await _several_at_a_time(ingest, batches)


async def _disjoint_hits(
    running: RunningServer, headlines: Sequence[str], options: CorpusOptions
) -> dict[str, list[str]]:
    """Queries with their hits, none of which an earlier query has."""
    found: dict[str, list[str]] = {}
    taken: set[str] = set()
    async with grpc.aio.insecure_channel(running.target) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        for headline in headlines[: options.cold * _TRIED_FOR_COLD]:
            request = search_pb2.SearchRequest(query=headline, page_size=options.top_k, summary=_NO_SUMMARY)
            response = await stub.Search(request, timeout=_PATIENCE_S)
            ids = [result.hit.article.id for result in response.results]
            if len(ids) == options.top_k and taken.isdisjoint(ids):
                taken.update(ids)
                found[headline] = ids
            if len(found) == options.cold + _WARM_UP:
                break
    return found


async def _texts(running: RunningServer, ids: Sequence[str]) -> list[tuple[str, str]]:
    found = await running.engines.index.get(ids)
    return [(each.article.headline, each.article.body) for each in found if each is not None]


async def _store_every_second(running: RunningServer, hits: Sequence[Sequence[str]]) -> None:
    async with grpc.aio.insecure_channel(running.target) as channel:
        stub = summary_pb2_grpc.SummaryServiceStub(channel)

        async def store(ids: Sequence[str]) -> None:
            request = summary_pb2.StreamSummarizeRequest(article_ids=ids[::2], summary=_ONE_CANDIDATE)
            async for _ in stub.StreamSummarize(request, timeout=_PATIENCE_S):
                pass

        await _several_at_a_time(store, hits)


async def _search_and_store(
    running: RunningServer, queries: Sequence[str], top_k: int
) -> dict[str, list[str]]:
    """Searches, so that summaries are stored; returns the hits of each query."""
    hits: dict[str, list[str]] = {}
    async with grpc.aio.insecure_channel(running.target) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)

        async def search(query: str) -> None:
            request = search_pb2.StreamSearchRequest(query=query, top_k=top_k, summary=_ONE_CANDIDATE)
            async for response in stub.StreamSearch(request, timeout=_PATIENCE_S):
                if response.HasField("hits"):
                    hits[query] = [hit.article.id for hit in response.hits.hits]

        await _several_at_a_time(search, queries)
    return hits


async def _stored_shares(running: RunningServer, hits: dict[str, list[str]]) -> dict[str, float]:
    """For each query the share of its hits that have a stored summary."""
    model = str(running.engines.summarizer.model)
    shares = {}
    for query, ids in hits.items():
        stored = await running.engines.index.stored_summaries(ids, model)
        shares[query] = sum(each is not None for each in stored) / max(len(ids), 1)
    return shares


async def _several_at_a_time(work: Callable[[Item], Awaitable[None]], items: Sequence[Item]) -> None:
    waiting = iter(items)

    async def take() -> None:
        for item in waiting:
            await work(item)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_UNDER_WAY):
            tasks.create_task(take())
