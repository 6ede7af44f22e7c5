"""Speed and memory of the embedded default: ingest rate, first hit, first summary, completion, event order."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from gistwire.v1 import search_pb2, search_pb2_grpc, specs_pb2
from gistwire_indexer.index import RetrievalQuery
from gistwire_indexer.ingestion import Ingestor
from gistwire_indexer.sources import RawArticle
from gistwire_models.encoder import Priority
from gistwire_server.app import running_server
from gistwire_server.config import load_config
from gistwire_server.engines import Engines

from benchmarks.corpus import read_articles, recombined
from benchmarks.machine import describe_machine, quiet_log, resident_mb

_INGEST_BATCH = 64
_INGESTS_UNDER_WAY = 4
_TOP_K = 10


@dataclass(frozen=True, slots=True)
class _Times:
    """Times of one search, in milliseconds from sending the request."""

    first_hit: float
    first_summary: float
    completed: float


def measure_speed(sizes: Sequence[int], sources: Sequence[str], searches: int) -> None:
    """Prints the figures at each size of the corpus."""
    print(describe_machine())
    articles = read_articles(sources)
    print(
        f"corpus: {len(articles)} articles of {', '.join(sources) or 'the sample corpus'}, recombined beyond that"
    )
    for size in sizes:
        with TemporaryDirectory(prefix="gistwire-bench-") as folder:
            asyncio.run(_measure(Path(folder), articles, size, searches))


async def _measure(folder: Path, articles: Sequence[RawArticle], size: int, searches: int) -> None:
    # The stages are measured with the queries of the searches, whose embeddings must not be known by then, and each
    # search is made several times.
    config = load_config(data_dir=folder, listen="unix", cache={"embeddings": 0, "answers_bytes": 0})
    async with running_server(config) as running:
        started = time.perf_counter()
        await _ingest(running.engines, list(recombined(articles, size)))
        took_s = time.perf_counter() - started
        statistics_ = await running.engines.index.statistics()
        print(f"\n{statistics_.articles} articles")
        print(f"  ingest            {size / took_s:8.0f} articles/s, {took_s:.1f} s in all")
        print(f"  on disk           {statistics_.bytes_on_disk / 1e6:8.0f} MB")
    # Opened afresh: what a server holds, not what ingesting left behind.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh_process:
        memory_mb = fresh_process.submit(_memory_of_server, folder, articles[0].headline).result()
    started = time.perf_counter()
    async with running_server(config) as running:
        print(f"  open              {time.perf_counter() - started:8.2f} s")
        print(f"  memory            {memory_mb:8.0f} MB resident in a fresh server after one search")
        queries = [article.headline for article in articles[:: max(len(articles) // searches, 1)]][:searches]
        await _raw_stages(running.engines, queries)
        async with grpc.aio.insecure_channel(running.target) as channel:
            stub = search_pb2_grpc.SearchServiceStub(channel)
            for name, spec in (
                ("hits only", specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)),
                ("best, cold", specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.BEST)),
                ("best, sentences cached", specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.BEST)),
            ):
                _print_times(name, [await _search(stub, query, spec) for query in queries])
            await _cancel(stub, queries[0])


def _memory_of_server(folder: Path, query: str) -> float:
    """Memory of a process that opened the index and answered once, in MB."""
    quiet_log()

    async def answer() -> float:
        async with (
            running_server(load_config(data_dir=folder, listen="unix")) as running,
            grpc.aio.insecure_channel(running.target) as channel,
        ):
            stub = search_pb2_grpc.SearchServiceStub(channel)
            await _search(stub, query, specs_pb2.SummarySpec())
            return resident_mb()

    return asyncio.run(answer())


async def _ingest(engines: Engines, articles: Sequence[RawArticle]) -> None:
    ingestor = Ingestor(engines.index, engines.encoder)
    places = asyncio.Semaphore(_INGESTS_UNDER_WAY)

    async def ingest(batch: Sequence[RawArticle]) -> None:
        async with places:
            await ingestor.ingest(batch)

    async with asyncio.TaskGroup() as tasks:
        for start in range(0, len(articles), _INGEST_BATCH):
            tasks.create_task(ingest(articles[start : start + _INGEST_BATCH]))


async def _raw_stages(engines: Engines, queries: Sequence[str]) -> None:
    """The two engine calls that a first hit cannot do without, alone."""
    encode_ms, retrieve_ms = [], []
    for query in queries:
        started = time.perf_counter()
        (vector,) = await engines.encoder.encode([query], priority=Priority.QUERY)
        encoded = time.perf_counter()
        await engines.index.retrieve(RetrievalQuery(query, vector, None, engines.config.retrieval.depth))
        encode_ms.append((encoded - started) * 1e3)
        retrieve_ms.append((time.perf_counter() - encoded) * 1e3)
    print(f"  raw encode        {_percentiles(encode_ms)}")
    print(f"  raw retrieval     {_percentiles(retrieve_ms)}")


async def _search(
    stub: "search_pb2_grpc.SearchServiceAsyncStub", query: str, spec: specs_pb2.SummarySpec
) -> _Times:
    request = search_pb2.StreamSearchRequest(query=query, top_k=_TOP_K, summary=spec)
    started = time.perf_counter()
    times: dict[str, float] = {}
    async for event in stub.StreamSearch(request):
        kind = event.WhichOneof("event")
        first_of = "summary" if kind in ("summary", "summary_delta") else str(kind)
        times.setdefault(first_of, (time.perf_counter() - started) * 1e3)
    return _Times(times["hits"], times.get("summary", times["completed"]), times["completed"])


async def _cancel(stub: "search_pb2_grpc.SearchServiceAsyncStub", query: str) -> None:
    """Leaves a stream after its hits, and counts what still runs a second later."""
    before = len(asyncio.all_tasks())
    for _ in range(20):
        call = stub.StreamSearch(search_pb2.StreamSearchRequest(query=query, top_k=_TOP_K))
        async for event in call:
            if event.HasField("hits"):
                break
        call.cancel()
    await asyncio.sleep(1.0)
    print(
        f"  cancelled         20 streams after their hits; {len(asyncio.all_tasks()) - before} tasks left after 1 s"
    )


def _print_times(name: str, times: Sequence[_Times]) -> None:
    print(f"  {name}, k = {_TOP_K}, {len(times)} searches one after the other")
    print(f"    first hit       {_percentiles([each.first_hit for each in times])}")
    print(f"    first summary   {_percentiles([each.first_summary for each in times])}")
    print(f"    completed       {_percentiles([each.completed for each in times])}")


def _percentiles(values_ms: Sequence[float]) -> str:
    cuts = statistics.quantiles(values_ms, n=100, method="inclusive")
    return f"p50 {cuts[49]:7.1f}   p95 {cuts[94]:7.1f}   p99 {cuts[98]:7.1f} ms"
