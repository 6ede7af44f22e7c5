"""What lies under any search, measured alone: engine calls, raw CTranslate2 and bare streams (`measure_floors`)."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import ctranslate2
from gistwire_indexer.index import RetrievalQuery
from gistwire_models.article_sentences import usable_sentences
from gistwire_models.cores import default_replicas
from gistwire_models.encoder import Priority
from gistwire_models.encoder_engine import EncoderEngine
from gistwire_models.placement import INSTRUCTIONS_VARIABLE
from gistwire_models.shipped import default_encoder_folder, default_summarizer_folder
from gistwire_models.summarizer_source import DECODING_OPTIONS
from gistwire_server.app import open_engines
from gistwire_server.config import ServerConfig

from benchmarks.load.corpus import LoadCorpus, copy_state
from benchmarks.load.figures import BareStreamFigures, FloorFigures, Percentiles, percentiles
from benchmarks.load.processes import free_address, make_load, running_server_process
from benchmarks.load.searches import Load
from benchmarks.machine import quiet_log
from benchmarks.raw_engine import rate_of, read_sources

Result = TypeVar("Result")

_RAW_BATCH = 8
_BEAM_SIZE = 4
_MESSAGES = 11
_ENGINE_CALLS = 200
_BARE_S = 2.0


def measure_floors(
    folder: Path,
    corpus: LoadCorpus,
    *,
    candidates: int,
    stream_bytes: int,
    levels: Sequence[int],
) -> FloorFigures:
    """Measures each floor once.

    Args:
        folder: of the indices.
        corpus: what is searched.
        candidates: for each summary.
        stream_bytes: size of a warm search, which eleven messages share.
        levels: how many bare streams are under way at any time.
    """
    with tempfile.TemporaryDirectory(prefix="gistwire-floor-") as work:
        config = corpus.options.setting.config("cold", copy_state(folder, "cold", Path(work) / "data"))
        encode_ms, retrieve_ms = _in_fresh_process(_engine_calls, config, corpus.single[:_ENGINE_CALLS])
        bare = _bare_streams(stream_bytes, levels, Path(work) / "bare.log")
    greedy_per_s, written_per_s, ten_ms = _in_fresh_process(
        _raw_engine, corpus.raw, candidates, config.summary.max_tokens
    )
    compared_per_s = _in_fresh_process(_raw_engines, corpus.raw, config.summary.max_tokens)
    return FloorFigures(
        encode_ms=percentiles(encode_ms),
        retrieve_ms=percentiles(retrieve_ms),
        both_ms=percentiles([encode + found for encode, found in zip(encode_ms, retrieve_ms, strict=True)]),
        greedy_per_s=greedy_per_s,
        written_per_s=written_per_s,
        compared_per_s=compared_per_s,
        ten_ms=ten_ms,
        bare=bare,
    )


def _in_fresh_process(measure: Callable[..., Result], *arguments: object) -> Result:
    """Measures where CTranslate2 has not chosen its instructions yet."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_prepare_process) as process:
        return process.submit(measure, *arguments).result()


def _prepare_process() -> None:
    quiet_log()
    os.environ.pop(INSTRUCTIONS_VARIABLE, None)


def _engine_calls(config: ServerConfig, queries: Sequence[str]) -> tuple[list[float], list[float]]:
    return asyncio.run(_time_engine_calls(config, queries))


async def _time_engine_calls(config: ServerConfig, queries: Sequence[str]) -> tuple[list[float], list[float]]:
    """Milliseconds of each embedding, and of each retrieval."""
    encode_ms: list[float] = []
    retrieve_ms: list[float] = []
    async with open_engines(config) as opened:
        engines = opened.engines
        for query in queries:
            began = time.perf_counter()
            (vector,) = await engines.encoder.encode([query], priority=Priority.QUERY)
            encoded = time.perf_counter()
            await engines.index.retrieve(RetrievalQuery(query, vector, None, config.retrieval.depth))
            encode_ms.append((encoded - began) * 1e3)
            retrieve_ms.append((time.perf_counter() - encoded) * 1e3)
    return encode_ms, retrieve_ms


def _raw_engine(
    searches: Sequence[Sequence[tuple[str, str]]], candidates: int, max_tokens: int
) -> tuple[float, float, Percentiles]:
    """Summaries a second with one candidate, with all of them, and the time for those of each search."""
    cores = default_replicas()
    engine = ctranslate2.Translator(str(default_summarizer_folder()), inter_threads=cores, intra_threads=1)
    sources = [read_sources(articles) for articles in searches]

    def greedy(batch: Sequence[list[str]]) -> None:
        engine.translate_batch(batch, beam_size=1, max_decoding_length=max_tokens, **DECODING_OPTIONS)

    def write(batch: Sequence[list[str]]) -> None:
        greedy(batch)
        if candidates > 1:
            _search(engine, batch, candidates, max_tokens)

    every = [source for each in sources for source in each]
    greedy(every[:_RAW_BATCH])
    greedy_per_s = rate_of(greedy, every, batch=_RAW_BATCH, threads=cores)
    written_per_s = (
        greedy_per_s if candidates == 1 else rate_of(write, every, batch=_RAW_BATCH, threads=cores)
    )
    ten_ms = []
    with ThreadPoolExecutor(cores) as pool:
        for each in sources:
            began = time.perf_counter()
            list(pool.map(write, [each[place::cores] for place in range(cores)]))
            ten_ms.append((time.perf_counter() - began) * 1e3)
    return greedy_per_s, written_per_s, percentiles(ten_ms)


def _raw_engines(searches: Sequence[Sequence[tuple[str, str]]], max_tokens: int) -> float:
    """Summaries a second with one candidate, which is embedded, as are the sentences of its article."""
    cores = default_replicas()
    engine = ctranslate2.Translator(str(default_summarizer_folder()), inter_threads=cores, intra_threads=1)
    encoder = EncoderEngine.load(default_encoder_folder(), replicas=cores)
    articles = [article for each in searches for article in each]
    # With their sources, which take as good as no time.
    items = list(zip(articles, read_sources(articles), strict=True))

    def compare(batch: Sequence[tuple[tuple[str, str], list[str]]]) -> None:
        results = engine.translate_batch(
            [source for _, source in batch], beam_size=1, max_decoding_length=max_tokens, **DECODING_OPTIONS
        )
        texts = [" ".join(result.hypotheses[0]) for result in results]
        for (headline, body), _ in batch:
            texts += usable_sentences(headline=headline, body=body, language="en")
        encoder.embed_many(texts)

    compare(items[:_RAW_BATCH])
    return rate_of(compare, items, batch=_RAW_BATCH, threads=cores)


def _search(engine: Any, batch: Sequence[list[str]], candidates: int, max_tokens: int) -> None:
    """Further candidates, by the beam search that the summarizer makes for them."""
    engine.translate_batch(
        batch,
        beam_size=max(_BEAM_SIZE, candidates),
        num_hypotheses=candidates,
        max_decoding_length=max_tokens,
        **DECODING_OPTIONS,
    )


def _bare_streams(stream_bytes: int, levels: Sequence[int], log: Path) -> list[BareStreamFigures]:
    address = free_address()
    sizes = [str(stream_bytes // _MESSAGES)] * _MESSAGES
    figures = []
    command = [sys.executable, "-m", "benchmarks.load.bare_streams", address, *sizes]
    with running_server_process(command, address, log=log) as server:
        for level in levels:
            load = Load(
                target=address,
                queries=[""],
                warm_up=[""] * 20,
                streams=level,
                seconds=_BARE_S,
                bare=True,
            )
            report, used = make_load(load, server)
            count = len(report.searches)
            first_ms = [each.first_hit_s * 1e3 for each in report.searches if each.first_hit_s is not None]
            figures.append(
                BareStreamFigures(
                    streams=level,
                    per_s=count / report.took_s,
                    first_message_ms=percentiles(first_ms),
                    cpu_ms=used.cpu_s / count * 1e3,
                )
            )
    return figures
