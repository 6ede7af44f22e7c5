"""What lies under the server, measured in a process of its own: `python -m benchmarks.guard.floor_process FOLDER`.

It opens the index in the folder and the models, and answers each `FloorWork` in JSON, a line of its input, by a
`FloorTimes`, a line of its output.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import ctranslate2
import msgspec
from gistwire_indexer.index import RetrievalQuery
from gistwire_models.encoder import Priority
from gistwire_models.placement import CPU
from gistwire_models.shipped import default_summarizer_folder
from gistwire_models.summarizer_source import DECODING_OPTIONS
from gistwire_server.app import open_engines
from gistwire_server.config import load_config
from gistwire_server.engines import Engines

from benchmarks.machine import quiet_log
from benchmarks.raw_engine import read_sources


class FloorWork(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be measured.

    Attributes:
        queries: that are embedded and retrieved, one after the other.
        encoded: texts that are embedded together.
        summarized: headlines and bodies whose summaries are written in one batch, one greedy candidate each.
    """

    queries: list[str] = []
    encoded: list[str] = []
    summarized: list[tuple[str, str]] = []


class FloorTimes(msgspec.Struct, kw_only=True):
    """What it took, in seconds.

    Attributes:
        queries_s: embedding and retrieval of each query.
        queries_cpu_s: CPU-seconds of all of them.
        encoded_cpu_s: CPU-seconds of embedding the texts.
        summarized_cpu_s: CPU-seconds of writing the summaries.
    """

    queries_s: list[float] = []
    queries_cpu_s: float = 0.0
    encoded_cpu_s: float = 0.0
    summarized_cpu_s: float = 0.0


class _Floors:
    """Measures, by engines that stay open."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        # The instructions that the server's own engine computes by, which it is compared with.
        self._translator: Any = CPU.open(ctranslate2.Translator, default_summarizer_folder(), replicas=1)

    async def measure(self, work: FloorWork) -> FloorTimes:
        times = FloorTimes()
        sources = read_sources(work.summarized) if work.summarized else []
        began_cpu = time.process_time()
        for query in work.queries:
            began = time.perf_counter()
            await self._retrieve(query)
            times.queries_s.append(time.perf_counter() - began)
        queries_ended = time.process_time()
        if work.encoded:
            await self._engines.encoder.encode(work.encoded)
        encoding_ended = time.process_time()
        if sources:
            self._summarize(sources)
        times.queries_cpu_s = queries_ended - began_cpu
        times.encoded_cpu_s = encoding_ended - queries_ended
        times.summarized_cpu_s = time.process_time() - encoding_ended
        return times

    async def _retrieve(self, query: str) -> None:
        (vector,) = await self._engines.encoder.encode([query], priority=Priority.QUERY)
        depth = self._engines.config.retrieval.depth
        await self._engines.index.retrieve(RetrievalQuery(query, vector, None, depth))

    def _summarize(self, sources: list[list[str]]) -> None:
        self._translator.translate_batch(
            sources,
            beam_size=1,
            max_decoding_length=self._engines.config.summary.max_tokens,
            **DECODING_OPTIONS,
        )


async def _main(folder: Path) -> None:
    quiet_log()
    async with open_engines(load_config(data_dir=folder, listen="unix")) as opened:
        floors = _Floors(opened.engines)
        while line := await asyncio.to_thread(sys.stdin.readline):
            times = await floors.measure(msgspec.json.decode(line, type=FloorWork))
            sys.stdout.buffer.write(msgspec.json.encode(times) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
