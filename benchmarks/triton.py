"""Summaries by the raw engine, in this process, through Triton, and through the whole service."""

import asyncio
import os
import re
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import ctranslate2
import grpc
import numpy as np
from gistwire.v1 import article_pb2, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client import GistwireClient
from gistwire_models.cores import default_replicas
from gistwire_models.encoder import ModelVersion, Priority, TextEncoder
from gistwire_models.encoder_folder import read_description
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_models.placement import CPU, INSTRUCTIONS_VARIABLE, prefer_avx512
from gistwire_models.shipped import default_encoder_folder, default_repository, default_summarizer_folder
from gistwire_models.summarizer import Candidates, DraftDelta, Summarizer, SummaryRequest
from gistwire_models.summary_draft import Draft
from gistwire_models.summary_writer import SummaryJob, SummaryWriter
from gistwire_models.tokenization import TokenCounter, read_tokenizer
from gistwire_models.triton import TritonEncoder, TritonSettings, TritonSummarizer
from gistwire_models.triton.launcher import TritonProcess
from gistwire_server.app import running_server
from gistwire_server.config import CacheConfig, LimitsConfig, ServerConfig, SummaryConfig, TritonConfig

from benchmarks.corpus import read_articles, recombined
from benchmarks.machine import describe_machine
from benchmarks.raw_engine import MAX_TOKENS, rate_of, raw_rate

_BATCH = 8
_QUERIES = 200
_METRICS = re.compile(r'^(nv_inference_\w+)\{model="(\w+)",version="\d+"[^}]*\} (\S+)', re.MULTILINE)


@dataclass(slots=True)
class _Run:
    """What one way of summarizing took.

    Attributes:
        first_s: seconds to the first piece of each text.
        total_s: seconds from the first beginning to the last end.
        texts: what was written.
    """

    first_s: list[float] = field(default_factory=list)
    total_s: float = 0.0
    texts: list[str] = field(default_factory=list)


def measure_triton(
    *,
    target: str | None,
    metrics_url: str | None,
    levels: Sequence[int],
    summaries: int,
    engine_cores: int | None,
    sources: Sequence[str],
) -> None:
    """Prints the times of each way, and the server's own metrics beside them.

    Args:
        target: ``HOST:PORT`` of a server; None to start one.
        metrics_url: its metrics; None for none.
        levels: how many articles, or searches of eight, are under way at once.
        summaries: how many for each figure.
        engine_cores: how many cores the raw engine and Triton have, and nobody else; None to share all.
        sources: where articles come from; none for the sample corpus.
    """
    print(describe_machine())
    print(f"articles of {', '.join(sources) or 'the sample corpus'}; {summaries} summaries for each figure")
    requests = _requests(sources, summaries)
    cores = sorted(os.sched_getaffinity(0))
    if engine_cores is not None:
        print(f"raw engine and Triton on {engine_cores} of {len(cores)} cores; who asks on the others")
    with _server(target, metrics_url, cores[:engine_cores]) as (address, metrics):
        if engine_cores is not None:
            os.sched_setaffinity(0, cores[engine_cores:])
        raw_rate = _compare_engines(requests, cores[:engine_cores])
        asyncio.run(_measure(address, levels, requests, raw_rate, alone=engine_cores is not None))
        if metrics is not None:
            _print_metrics(metrics)


@contextmanager
def _server(
    target: str | None, metrics_url: str | None, cores: Sequence[int]
) -> Iterator[tuple[str, str | None]]:
    if target is not None:
        yield target, metrics_url
        return
    server = TritonProcess(default_repository())
    try:
        # What is started has the cores of who starts it.
        os.sched_setaffinity(0, cores)
        server.start()
        yield server.target, server.metrics_url
    finally:
        server.close()


async def _measure(
    target: str,
    levels: Sequence[int],
    requests: Sequence[SummaryRequest],
    raw_rate: float,
    *,
    alone: bool,
) -> None:
    """Prints the times of each way; of Triton `alone` where only it has the cores of the raw engine."""
    settings = TritonSettings(endpoints=(target,), timeout_s=120)
    await _compare_encoders(settings)
    local = LocalSummarizer.load(default_summarizer_folder())
    triton = TritonSummarizer(settings, initial=ModelVersion("unknown", "0"), languages=())
    await triton.describe()
    counter = TokenCounter(read_tokenizer(default_summarizer_folder()))
    try:
        print("\nconcurrency  way          first piece p50 / p99   summaries/s   tokens/s   of raw")
        for level in levels:
            # In turn, twice, and the better of the two: another program may have had the cores for one.
            ways: dict[str, Callable[[], Awaitable[_Run]]] = {
                "in process": lambda level=level: _summarize(local, requests, level),  # type: ignore[misc]
                "Triton": lambda level=level: _summarize(triton, requests, level),  # type: ignore[misc]
                "service": lambda level=level: _search(target, requests, level),  # type: ignore[misc]
            }
            if alone:
                ways = {"Triton": ways["Triton"]}
            runs = {name: [await way()] for name, way in ways.items()}
            for name, way in ways.items():
                runs[name].append(await way())
            for name, both in runs.items():
                _print_run(level, name, min(both, key=lambda run: run.total_s), raw_rate, counter)
    finally:
        await local.close()
        await triton.close()


def _requests(sources: Sequence[str], count: int) -> list[SummaryRequest]:
    articles = [
        each for each in recombined(read_articles(sources), 4 * count) if len(each.body.split()) > 30
    ][:count]
    return [
        SummaryRequest(
            article_id=f"a{place}",
            revision="r",
            headline=each.headline,
            body=each.body,
            language="en",
            max_tokens=MAX_TOKENS,
        )
        for place, each in enumerate(articles)
    ]


async def _compare_encoders(settings: TritonSettings) -> None:
    folder = default_encoder_folder()
    local: TextEncoder = LocalEncoder.load(folder)
    triton: TextEncoder = TritonEncoder(settings, read_description(folder), len)
    print("\nencoder, one query at a time     p50      p99")
    for name, encoder in (("in process", local), ("Triton", triton)) * 2:
        times_ms = []
        for number in range(_QUERIES):
            begin = time.perf_counter()
            await encoder.encode([f"harbour strike {number}"], priority=Priority.QUERY)
            times_ms.append((time.perf_counter() - begin) * 1e3)
        print(f"  {name:<28} {np.percentile(times_ms, 50):5.2f} ms {np.percentile(times_ms, 99):5.2f} ms")
    await local.close()
    await triton.close()


def _compare_engines(requests: Sequence[SummaryRequest], cores: Sequence[int]) -> float:
    """Prints what the engine gives without anything of ours, and then with each thing; returns raw summaries/s."""
    print(f"\nengine alone, {len(cores)} batches at once           summaries/s   of raw")
    raw_rate = _in_fresh_process(_raw_rate, requests, _BATCH, cores)
    for name, rate in {
        f"raw CTranslate2, batches of {_BATCH}": raw_rate,
        "  with AVX-512 where the CPU has it": _in_fresh_process(
            _raw_rate, requests, _BATCH, cores, avx512=True
        ),
        "  in batches of 2 as well": _in_fresh_process(_raw_rate, requests, 2, cores, avx512=True),
        "SummaryWriter: words, drafts": _in_fresh_process(_writer_rate, requests, 2, cores, avx512=True),
    }.items():
        print(f"  {name:<38} {rate:8.1f}   {rate / raw_rate:6.0%}")
    return raw_rate


def _in_fresh_process(
    measure: Callable[[Sequence[SummaryRequest], int], float],
    requests: Sequence[SummaryRequest],
    batch: int,
    cores: Sequence[int],
    *,
    avx512: bool = False,
) -> float:
    """Measures where CTranslate2 has not chosen its instructions yet; the better of two."""
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_prepare_process, initargs=(cores, avx512)
    ) as process:
        return max(process.submit(measure, requests, batch).result() for _ in range(2))


def _prepare_process(cores: Sequence[int], avx512: bool) -> None:
    os.sched_setaffinity(0, cores)
    os.environ.pop(INSTRUCTIONS_VARIABLE, None)
    if avx512:
        prefer_avx512()


def _raw_rate(requests: Sequence[SummaryRequest], batch: int) -> float:
    replicas = default_replicas()
    engine = ctranslate2.Translator(str(default_summarizer_folder()), inter_threads=replicas, intra_threads=1)
    return raw_rate(engine, requests, batch=batch, threads=replicas)


def _writer_rate(requests: Sequence[SummaryRequest], batch: int) -> float:
    """Summaries/s by our writer in threads, of articles that were read before, with drafts that nobody reads."""
    writer = SummaryWriter.load(default_summarizer_folder(), replicas=default_replicas(), placement=CPU)

    async def write_all() -> float:
        jobs = [
            SummaryJob(source, words, 1, MAX_TOKENS - 1, Draft(words, is_read=False))
            for source, words in map(writer.read, requests)
        ]
        return await asyncio.to_thread(
            rate_of, writer.write_drafts, jobs, batch=batch, threads=default_replicas()
        )

    return asyncio.run(write_all())


async def _summarize(summarizer: Summarizer, requests: Sequence[SummaryRequest], concurrency: int) -> _Run:
    run = _Run()
    waiting = iter(requests)

    async def work() -> None:
        for request in waiting:
            begin = time.perf_counter()
            first_s: float | None = None
            async for event in summarizer.summarize(request):
                match event:
                    case DraftDelta():
                        first_s = first_s or time.perf_counter() - begin
                    case Candidates(candidates):
                        run.texts.append(candidates[0].text)
            run.first_s.append(first_s or time.perf_counter() - begin)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as workers:
        for _ in range(concurrency):
            workers.create_task(work())
    run.total_s = time.perf_counter() - begin
    return run


async def _search(target: str, requests: Sequence[SummaryRequest], concurrency: int) -> _Run:
    """Searches of eight hits each, none of which has a stored summary; first pieces count from a search's hits on."""
    run = _Run()
    async with _service(target) as searching:
        client, stub = searching
        async for _ in client.ingest(_article(place, each) for place, each in enumerate(requests)):
            pass
        groups = iter(range(len(requests) // _BATCH))

        async def work() -> None:
            for group in groups:
                hits_at = 0.0
                first_s: float | None = None
                async for event in stub.StreamSearch(_group_request(group)):
                    match event.WhichOneof("event"):
                        case "hits":
                            hits_at = time.perf_counter()
                        case "summary_delta":
                            first_s = first_s or time.perf_counter() - hits_at
                        case "summary":
                            run.texts.append(event.summary.text)
                run.first_s.append(first_s or time.perf_counter() - hits_at)

        begin = time.perf_counter()
        async with asyncio.TaskGroup() as workers:
            for _ in range(max(1, concurrency // _BATCH)):
                workers.create_task(work())
        run.total_s = time.perf_counter() - begin
    return run


@asynccontextmanager
async def _service(
    target: str,
) -> AsyncIterator[tuple[GistwireClient, "search_pb2_grpc.SearchServiceAsyncStub"]]:
    with TemporaryDirectory(prefix="gistwire-bench-") as folder:
        config = ServerConfig(
            data_dir=Path(folder),
            listen="unix",
            models="triton",
            triton=TritonConfig(endpoints=(target,), timeout_s=120, reader_timeout_s=60),
            summary=SummaryConfig(concurrency=_BATCH),
            limits=LimitsConfig(default_deadline_s=60),
            cache=CacheConfig(answers_bytes=0),
        )
        async with (
            running_server(config) as running,
            GistwireClient(running.target) as client,
            grpc.aio.insecure_channel(running.target) as channel,
        ):
            yield client, search_pb2_grpc.SearchServiceStub(channel)


def _article(place: int, request: SummaryRequest) -> article_pb2.Article:
    return article_pb2.Article(
        id=request.article_id,
        headline=request.headline,
        body=request.body,
        category=f"g{place // _BATCH}",
        language="en",
    )


def _group_request(group: int) -> search_pb2.StreamSearchRequest:
    return search_pb2.StreamSearchRequest(
        query="news",
        filter=f'category = "g{group}"',
        top_k=_BATCH,
        summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.BEST, candidates=1, max_tokens=MAX_TOKENS),
        rank=specs_pb2.RankSpec(collapse=False),
    )


def _print_run(level: int, name: str, run: _Run, raw_rate: float, counter: TokenCounter) -> None:
    rate = len(run.texts) / run.total_s
    tokens = sum(counter.count_tokens(text) for text in run.texts) / run.total_s
    p50, p99 = np.percentile(run.first_s, [50, 99]) * 1e3
    print(
        f"{level:11}  {name:<11}  {p50:9.1f} / {p99:7.1f} ms   {rate:11.1f}   {tokens:8.0f}   {rate / raw_rate:6.0%}"
    )


def _print_metrics(url: str) -> None:
    with urllib.request.urlopen(url, timeout=30) as response:
        found = {
            (model, name): float(value) for name, model, value in _METRICS.findall(response.read().decode())
        }
    print("\nTriton's own metrics")
    for model in ("encoder", "summarizer"):
        count = found.get((model, "nv_inference_request_success"), 0.0)
        executions = found.get((model, "nv_inference_exec_count"), 0.0)
        items = found.get((model, "nv_inference_count"), 0.0)
        queue_us = found.get((model, "nv_inference_queue_duration_us"), 0.0)
        compute_us = found.get((model, "nv_inference_compute_infer_duration_us"), 0.0)
        if count:
            print(
                f"  {model:<11} {count:,.0f} requests, {items / max(executions, 1):.1f} items a batch; on average "
                f"{queue_us / count / 1e3:.2f} ms in the queue, {compute_us / count / 1e3:.2f} ms computing"
            )
