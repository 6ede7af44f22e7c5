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
from gistwire_models.summarizer_folder import read_summarizer_description
from gistwire_models.summarizer_source import DECODING_OPTIONS, SUMMARY_TASK, read_source
from gistwire_models.tokenization import read_tokenizer
from gistwire_server.app import open_engines
from gistwire_server.config import load_config
from gistwire_server.engines import Engines

from benchmarks.machine import quiet_log


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
        folder = default_summarizer_folder()
        # The instructions that the server's own engine computes by, which it is compared with.
        self._translator: Any = CPU.open(ctranslate2.Translator, folder, replicas=1)
        self._description = read_summarizer_description(folder)
        self._tokenizer = read_tokenizer(folder)

    async def measure(self, work: FloorWork) -> FloorTimes:
        times = FloorTimes()
        began_cpu = time.process_time()
        for query in work.queries:
            began = time.perf_counter()
            await self._retrieve(query)
            times.queries_s.append(time.perf_counter() - began)
        queries_ended = time.process_time()
        if work.encoded:
            await self._engines.encoder.encode(work.encoded)
        encoding_ended = time.process_time()
        if work.summarized:
            self._summarize(work.summarized)
        times.queries_cpu_s = queries_ended - began_cpu
        times.encoded_cpu_s = encoding_ended - queries_ended
        times.summarized_cpu_s = time.process_time() - encoding_ended
        return times

    async def _retrieve(self, query: str) -> None:
        (vector,) = await self._engines.encoder.encode([query], priority=Priority.QUERY)
        depth = self._engines.config.retrieval.depth
        await self._engines.index.retrieve(RetrievalQuery(query, vector, None, depth))

    def _summarize(self, articles: list[tuple[str, str]]) -> None:
        sources = [
            read_source(
                self._tokenizer,
                task=SUMMARY_TASK,
                headline=headline,
                body=body,
                max_tokens=self._description.max_source_tokens,
            ).tokens
            for headline, body in articles
        ]
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
