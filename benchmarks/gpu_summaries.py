"""Encoder and summarizer on a GPU, in this process and through Triton: `python -m benchmarks.gpu_summaries`.

CTranslate2 needs cuBLAS 12 (``nvidia-cublas-cu12``) where the loader finds it; the part `torch` needs torch and
transformers. It needs numpy, grpcio, protobuf, tokenizers, structlog and msgspec beside them, with
``PYTHONPATH=models:indexer:protos``.
"""

import argparse
import asyncio
import itertools
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import ctranslate2
import numpy as np
from gistwire_models.cores import default_replicas
from gistwire_models.encoder import Embedding, ModelVersion, Priority, TextEncoder
from gistwire_models.encoder_engine import EncoderEngine
from gistwire_models.encoder_folder import read_description
from gistwire_models.errors import GistwireModelError
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_models.placement import CPU, Placement
from gistwire_models.shipped import default_encoder_folder, default_repository, default_summarizer_folder
from gistwire_models.summarizer import Candidates, DraftDelta, Summarizer, SummaryRequest
from gistwire_models.triton import TritonEncoder, TritonSettings, TritonSummarizer
from gistwire_models.triton.launcher import TritonProcess

from benchmarks.corpus import SAMPLE_CORPUS, read_articles, recombined
from benchmarks.machine import quiet_log
from benchmarks.raw_engine import MAX_TOKENS, raw_rate

_REFERENCE_TEXTS = 128
_PACKAGES = ("ctranslate2", "numpy", "grpcio", "torch", "transformers")
_Item = TypeVar("_Item")
_INSTANCE = re.compile(r"ModelInstanceInitialize: (\S+ \([^)]*\))")


@dataclass(slots=True)
class _Run:
    """What summarizing some articles took.

    Attributes:
        first_s: seconds to the first piece of each text.
        total_s: seconds from the first beginning to the last end.
        texts: what was written, by article.
    """

    first_s: list[float] = field(default_factory=list)
    total_s: float = 0.0
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Summaries a second."""
        return len(self.texts) / self.total_s


@dataclass(frozen=True, slots=True)
class _Load:
    """What a Triton server is asked.

    Attributes:
        device: where it shall compute: ``"cuda"`` or ``"cpu"``.
        levels: how many requests are under way at once.
        requests: the articles.
        log_file: what it writes; None for nowhere.
    """

    device: str
    levels: Sequence[int]
    requests: Sequence[SummaryRequest]
    log_file: Path | None


def main() -> None:
    """Prints the figures of each part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("encoder", "summarizer", "triton", "torch")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)} (default: all)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="(default: cuda)")
    parser.add_argument(
        "--compute-types",
        nargs="+",
        default=["float16", "int8_float16"],
        metavar="TYPE",
        help="numbers that encoder and summarizer compute in (default: float16 int8_float16)",
    )
    parser.add_argument(
        "--batches", nargs="+", type=int, default=[1, 8, 16, 32, 64], metavar="N", help="(default: 1 8 … 64)"
    )
    parser.add_argument(
        "--levels",
        nargs="+",
        type=int,
        default=[1, 8, 16, 32, 64],
        metavar="N",
        help="articles, or texts, under way at once through Triton (default: 1 8 … 64)",
    )
    parser.add_argument(
        "--max-batch",
        type=int,
        default=0,
        metavar="N",
        help="batch of Triton's summarizer (default: its own)",
    )
    parser.add_argument(
        "--threads",
        nargs="+",
        type=int,
        default=[1, 4, 16],
        metavar="N",
        help="batches written at once by the summarizer in this process (default: 1 4 16)",
    )
    parser.add_argument(
        "--triton-threads",
        type=int,
        default=0,
        metavar="N",
        help="batches that Triton's summarizer writes at once (default: its own)",
    )
    parser.add_argument(
        "--layers", type=int, default=12, metavar="N", help="layers of the model for torch (default: 12)"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="where Triton writes what it does")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(parts):
        parser.error(f"unknown part {min(unknown)!r}")
    quiet_log()
    print(_machine(options.device), flush=True)
    most = max(*options.levels, max(options.batches) * max(options.threads))
    requests = _requests(max(_REFERENCE_TEXTS, 4 * most))
    placements = [Placement(options.device, 0, each) for each in options.compute_types]
    load = _Load(options.device, options.levels, requests, options.log)
    for part in options.parts or parts:
        match part:
            case "encoder":
                asyncio.run(_compare_encoders(placements, options.batches, requests))
            case "summarizer":
                asyncio.run(_compare_summarizers(placements, options.threads, options.batches, requests))
            case "triton":
                with _repository(options.max_batch, threads=options.triton_threads) as repository:
                    _measure_triton(repository, load)
            case "torch":
                _measure_torch(load, options.layers, options.max_batch)


def _machine(device: str) -> str:
    gpu = _nvidia_smi("name,driver_version,memory.total") if device == "cuda" else "no GPU"
    return (
        f"{gpu}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{', '.join(f'{name} {_version(name)}' for name in _PACKAGES)}"
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def _nvidia_smi(query: str) -> str:
    command = ["nvidia-smi", "--id=0", f"--query-gpu={query}", "--format=csv,noheader"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def _memory(device: str) -> str:
    """Memory of the GPU that all its programs hold, which for CTranslate2 is its peak."""
    return _nvidia_smi("memory.used") if device == "cuda" else "-"


def _requests(count: int) -> list[SummaryRequest]:
    articles = read_articles([str(path) for path in sorted(SAMPLE_CORPUS.glob("english-*.jsonl"))])
    long = [each for each in recombined(articles, 4 * count) if len(each.body.split()) > 30]
    return [
        SummaryRequest(
            article_id=f"a{place}",
            revision="r",
            headline=each.headline,
            body=each.body,
            language="en",
            max_tokens=MAX_TOKENS,
        )
        for place, each in enumerate(long[:count])
    ]


async def _compare_encoders(
    placements: Sequence[Placement], batches: Sequence[int], requests: Sequence[SummaryRequest]
) -> None:
    """Prints how alike the vectors are to those of the CPU, and texts/s by size of batch."""
    texts = [each.body for each in requests[:_REFERENCE_TEXTS]]
    references = await _cpu_vectors(texts)
    print("\nencoder       batch    texts/s   cosine to the CPU's: float32, least / mean     int8   memory")
    _print_vectors("cpu int8", references["int8"], references)
    for placement in placements:
        try:
            _compare_encoder(placement, batches, texts, references)
        except (GistwireModelError, RuntimeError) as error:
            print(f"{placement.compute_type}: failed: {error}", flush=True)


def _compare_encoder(
    placement: Placement, batches: Sequence[int], texts: Sequence[str], references: Mapping[str, Embedding]
) -> None:
    engine = EncoderEngine.load(default_encoder_folder(), placement=placement)
    for batch in batches:
        parts = [texts[start : start + batch] for start in range(0, len(texts), batch)]
        vectors = np.concatenate([engine.embed(part) for part in parts])
        rounds = 1 + 4 * batch // len(texts)
        begin = time.perf_counter()
        for part in parts * rounds:
            engine.embed(part)
        rate = rounds * len(texts) / (time.perf_counter() - begin)
        name = f"{placement.compute_type:<12} {batch:6}   {rate:8.0f}"
        _print_vectors(name, vectors, references, memory=_memory(placement.device))
    engine.close()


async def _cpu_vectors(texts: Sequence[str]) -> dict[str, Embedding]:
    """Vectors of this machine's CPU, by the numbers computed in."""
    vectors = {}
    for compute_type in ("float32", "int8"):
        engine = EncoderEngine.load(
            default_encoder_folder(),
            replicas=default_replicas(),
            placement=Placement("cpu", 0, compute_type),
        )
        encoder = LocalEncoder(engine, default_replicas())
        vectors[compute_type] = await encoder.encode(texts)
        await encoder.close()
    return vectors


def _print_vectors(
    name: str, vectors: Embedding, references: Mapping[str, Embedding], *, memory: str = ""
) -> None:
    cosines = {kind: (vectors * reference).sum(axis=1) for kind, reference in references.items()}
    alike = "   ".join(f"{each.min():.5f} / {each.mean():.5f}" for each in cosines.values())
    print(f"{name:<30}   {alike}   {memory}", flush=True)


async def _compare_summarizers(
    placements: Sequence[Placement],
    threads: Sequence[int],
    batches: Sequence[int],
    requests: Sequence[SummaryRequest],
) -> None:
    """Prints summaries/s by size of batch and number of threads, and how many texts are those of the CPU."""
    references = {
        compute_type: await _cpu_texts(requests, Placement("cpu", 0, compute_type))
        for compute_type in ("float32", "int8")
    }
    print(f"\nsummarizer of {MAX_TOKENS} tokens; as the CPU's: texts that are the same, words that are")
    print(
        "numbers      threads × batch   raw engine   summaries/s   soonest piece   as float32   as int8     memory"
    )
    print(f"cpu int8{' ' * 60}{_likeness(references['int8'], references['float32'])}")
    for placement in placements:
        for count, batch in itertools.product(threads, batches):
            try:
                some = requests[: max(24, 4 * batch * count)]
                await _compare_summarizer(placement, count, batch, some, references)
            except (GistwireModelError, RuntimeError) as error:
                print(f"{placement.compute_type}: failed: {error}", flush=True)


async def _compare_summarizer(
    placement: Placement,
    threads: int,
    batch: int,
    requests: Sequence[SummaryRequest],
    references: Mapping[str, Mapping[str, str]],
) -> None:
    raw_rate = _raw_rate(placement, threads, batch, requests)
    summarizer = LocalSummarizer.load(
        default_summarizer_folder(),
        threads=threads,
        placement=placement,
        max_batch=batch,
        max_waiting=len(requests),
    )
    try:
        await _summarize(summarizer, requests[: threads * batch], threads * batch)
        # The engine itself batches those that wait.
        run = await _summarize(summarizer, requests, len(requests))
        memory = _memory(placement.device)
    finally:
        await summarizer.close()
    alike = "   ".join(_likeness(run.texts, reference) for reference in references.values())
    print(
        f"{placement.compute_type:<12} {threads:7} × {batch:5}   {raw_rate:10.1f}   {run.rate:11.1f}   "
        f"{min(run.first_s) * 1e3:10.1f} ms   {alike}   {memory}",
        flush=True,
    )


async def _cpu_texts(requests: Sequence[SummaryRequest], placement: Placement = CPU) -> dict[str, str]:
    summarizer = LocalSummarizer.load(default_summarizer_folder(), placement=placement)
    try:
        return (await _summarize(summarizer, requests, 2 * default_replicas())).texts
    finally:
        await summarizer.close()


def _raw_rate(placement: Placement, threads: int, batch: int, requests: Sequence[SummaryRequest]) -> float:
    """Summaries/s by CTranslate2 alone; the better of two."""
    engine = placement.open(ctranslate2.Translator, default_summarizer_folder(), replicas=threads)
    rate = max(raw_rate(engine, requests, batch=batch, threads=threads) for _ in range(2))
    engine.unload_model()
    return rate


def _likeness(texts: Mapping[str, str], reference: Mapping[str, str]) -> str:
    """Share of texts that are the same, and of words, in any order."""
    same = np.mean([text == reference[article] for article, text in texts.items()])
    words = np.mean([_common_words(text, reference[article]) for article, text in texts.items()])
    return f"{same:4.0%}, {words:4.0%}"


def _common_words(one: str, other: str) -> float:
    left, right = Counter(one.split()), Counter(other.split())
    return 2 * (left & right).total() / (left.total() + right.total())


@contextmanager
def _repository(
    max_batch: int, *, threads: int = 0, engine: str = "ctranslate2", numbers: str | None = None
) -> Iterator[Path]:
    """A copy of the model repository, where the user can read it that a server runs as.

    Args:
        max_batch: most articles in a batch of the summarizer; 0 for as many as it takes by itself.
        threads: batches that it writes at once; 0 for as many as it does by itself.
        engine: the summarizer's.
        numbers: that it computes in on a GPU; None for those of the configuration.
    """
    with tempfile.TemporaryDirectory(prefix="gistwire-bench-") as folder:
        repository = Path(folder) / "models"
        shutil.copytree(default_repository(), repository, ignore=shutil.ignore_patterns("__pycache__"))
        Path(folder).chmod(0o755)
        config = repository / "summarizer" / "config.pbtxt"
        text = config.read_text()
        for key, value in {
            "max_batch": max_batch,
            "threads": threads,
            "engine": engine,
            "gpu_compute_type": numbers,
        }.items():
            if value is not None:
                text = _with_parameter(text, key, str(value))
        config.write_text(text)
        yield repository


def _with_parameter(config: str, key: str, value: str) -> str:
    """Returns a model's configuration with another value of a parameter that it has."""
    pattern = rf'(key: "{key}" value: {{ string_value: ")[^"]*'
    changed, count = re.subn(pattern, rf"\g<1>{value}", config)
    if count != 1:
        raise ValueError(f"the configuration has parameter {key!r} {count} times")
    return changed


def _measure_torch(load: _Load, layers: int, max_batch: int) -> None:
    """Prints times of Triton's summarizer by torch, whose weights are random."""
    import torch  # noqa: PLC0415 (this part alone needs it)

    from benchmarks.torch_summaries import write_checkpoint  # noqa: PLC0415

    with _repository(max_batch, engine="torch", numbers="bfloat16") as repository:
        checkpoint = repository / "summarizer" / "1" / "checkpoint"
        parameters = write_checkpoint(checkpoint, layers)
        for weights in checkpoint.glob("*.safetensors"):
            # Written for their owner alone.
            weights.chmod(0o644)
        print(f"\ntorch: {parameters / 1e6:.0f} M parameters of random weights", flush=True)
        _measure_triton(repository, load, torch_packages=Path(torch.__path__[0]).parent)


def _measure_triton(repository: Path, load: _Load, *, torch_packages: Path | None = None) -> None:
    """Starts a server, and prints times by the number of requests under way.

    Args:
        repository: the models that it serves.
        load: what it is asked.
        torch_packages: where torch is; then the summarizer alone is served, and its texts are worth nothing.
    """
    has_weights = torch_packages is None
    server = TritonProcess(
        repository,
        ("encoder", "summarizer") if has_weights else ("summarizer",),
        log_file=load.log_file,
        packages=[torch_packages] if torch_packages else [],
    )
    try:
        begin = time.perf_counter()
        server.start()
        instances = ", ".join(dict.fromkeys(_INSTANCE.findall(server.log())))
        print(f"\nTriton, ready after {time.perf_counter() - begin:.0f} s: {instances}", flush=True)
        settings = TritonSettings(
            endpoints=(server.target,), timeout_s=120, reader_timeout_s=60, hedge_after_s=None
        )
        if has_weights:
            asyncio.run(_measure_encoder(settings, load))
        asyncio.run(_measure_summarizer(settings, load, compare=has_weights))
        print(f"memory: {_memory(load.device)}")
    finally:
        server.close()


async def _measure_encoder(settings: TritonSettings, load: _Load) -> None:
    texts = [each.body for each in load.requests[:_REFERENCE_TEXTS]]
    references = await _cpu_vectors(texts)
    encoder = TritonEncoder(settings, read_description(default_encoder_folder()), len)
    try:
        print("texts through Triton           cosine to the CPU's: float32, least / mean     int8")
        _print_vectors("", await encoder.encode(texts), references)
        print("concurrency    p50 / p99 of one text      texts/s")
        for level in load.levels:
            times_s, total_s = await _embed(encoder, texts, level)
            p50, p99 = np.percentile(times_s, [50, 99]) * 1e3
            print(f"{level:11}   {p50:7.1f} / {p99:7.1f} ms   {len(times_s) / total_s:10.0f}", flush=True)
    finally:
        await encoder.close()


async def _embed(encoder: TextEncoder, texts: Sequence[str], concurrency: int) -> tuple[list[float], float]:
    """Embeds each text four times, in requests of one; returns the seconds of each request and of all."""
    times_s: list[float] = []

    async def embed(text: str) -> None:
        begin = time.perf_counter()
        await encoder.encode([text], priority=Priority.QUERY)
        times_s.append(time.perf_counter() - begin)

    return times_s, await _work_through(list(texts) * 4, embed, concurrency)


async def _measure_summarizer(settings: TritonSettings, load: _Load, *, compare: bool) -> None:
    reference = await _cpu_texts(load.requests) if compare else {}
    summarizer = TritonSummarizer(settings, initial=ModelVersion("unknown", "0"), languages=())
    try:
        await summarizer.describe()
        print(f"summaries by {summarizer.model.name}@{summarizer.model.version}", flush=True)
        await _summarize(summarizer, load.requests[: 2 * max(load.levels)], max(load.levels))
        print("concurrency   first piece p50 / p99   summaries/s   same texts, words as the CPU's")
        for level in load.levels:
            run = await _summarize(summarizer, load.requests[: max(24, 4 * level)], level)
            p50, p99 = np.percentile(run.first_s, [50, 99]) * 1e3
            alike = _likeness(run.texts, reference) if compare else "-"
            print(f"{level:11}   {p50:7.1f} / {p99:7.1f} ms   {run.rate:13.1f}   {alike}", flush=True)
    finally:
        await summarizer.close()


async def _summarize(summarizer: Summarizer, requests: Sequence[SummaryRequest], concurrency: int) -> _Run:
    run = _Run()

    async def summarize(request: SummaryRequest) -> None:
        begin = time.perf_counter()
        first_s: float | None = None
        async for event in summarizer.summarize(request):
            match event:
                case DraftDelta():
                    first_s = first_s or time.perf_counter() - begin
                case Candidates(candidates):
                    run.texts[request.article_id] = candidates[0].text
        run.first_s.append(first_s or time.perf_counter() - begin)

    run.total_s = await _work_through(requests, summarize, concurrency)
    return run


async def _work_through(
    items: Sequence[_Item], do: Callable[[_Item], Awaitable[None]], concurrency: int
) -> float:
    """Does something with each item, some at once; returns the seconds that all took."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await do(item)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as workers:
        for _ in range(concurrency):
            workers.create_task(work())
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
