"""Gistwire beside systems that one would compare it with: `measure_peers`, for `python -m benchmarks peers`."""

import asyncio
import re
import shutil
import sys
import zlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from gistwire_models.model_folder import DESCRIPTION_FILE
from gistwire_models.shipped import default_encoder_folder, default_summarizer_folder
from gistwire_models.user_cache import cached_folder

from benchmarks.machine import describe_machine
from benchmarks.peers.adapter import Settings
from benchmarks.peers.environments import python_of
from benchmarks.peers.errors import PeersError, SystemsDisagreeError
from benchmarks.peers.figures import agreement, figures_of
from benchmarks.peers.known_items import PeersCorpus, prepare
from benchmarks.peers.measurement import measure_systems
from benchmarks.peers.peer_process import SystemProcess, running_system
from benchmarks.peers.report import PeersReport, draw, markdown_of
from benchmarks.peers.systems import OURS, SystemChoice
from benchmarks.peers.torch_checkpoints import CHECKPOINT_VERSION, write_torch_encoder, write_torch_summarizer

_TOP_K = 10
_DEPTH = 100
_MAX_TOKENS = 48
_WARM_UP = 4

_LEAST_AGREEMENT = 0.3
"""Share of hits that a system must have in common with ours: below it they do not search the same."""


@dataclass(frozen=True, slots=True)
class PeersOptions:
    """What is measured.

    Attributes:
        sources: files of articles; none for the sample corpus.
        articles: most articles.
        searches: that each system is asked one at a time.
        busy_searches: that each system is asked several at a time.
        concurrency: so many.
        threads: cores that each system may compute on at once.
        elasticsearch_url: a cluster for the systems that need one; None to leave these out.
        kept: folder where the systems' indexes remain for a later run with the same articles; None for none.
        index_only: whether only these are made, by all systems.
    """

    sources: tuple[str, ...]
    articles: int
    searches: int
    busy_searches: int
    concurrency: int
    threads: int
    elasticsearch_url: str | None
    kept: Path | None
    index_only: bool = False


def measure_peers(
    options: PeersOptions, choices: Sequence[SystemChoice], *, report_folder: Path | None, as_json: bool
) -> None:
    """Prints the report, and writes it with its pictures to a folder if one is named."""
    pythons = {
        choice.name: python_of(choice.environment, _progress) if choice.environment else Path(sys.executable)
        for choice in choices
    }
    with TemporaryDirectory(prefix="gistwire-bench-") as folder:
        report = _run(Path(folder), options, choices, pythons)
    if report is None:
        return
    text = markdown_of(report)
    print(msgspec.json.encode(report).decode() if as_json else text)
    if report_folder is not None:
        draw(report, report_folder)
        (report_folder / "peers.md").write_text(text + "\n", encoding="utf-8")
        (report_folder / "peers.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def _run(
    folder: Path, options: PeersOptions, choices: Sequence[SystemChoice], pythons: dict[str, Path]
) -> PeersReport | None:
    try:
        return asyncio.run(_measure(folder, options, choices, pythons))
    except* PeersError as errors:
        # What a system fails with comes out of the group of tasks that read from it.
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        failed = first
    raise failed


async def _measure(
    folder: Path, options: PeersOptions, choices: Sequence[SystemChoice], pythons: dict[str, Path]
) -> PeersReport | None:
    _progress("indexing, and choosing queries")
    wanted = _WARM_UP + options.searches + options.busy_searches
    encoder = default_encoder_folder()
    of = (*options.sources, options.articles, _TOP_K, _version(encoder))
    home = (options.kept or folder) / f"peers-{zlib.crc32(repr(of).encode()):08x}"
    corpus = prepare(home, options.sources, articles=options.articles, queries=wanted, top_k=_TOP_K)
    warm_up, alone = corpus.items[:_WARM_UP], corpus.items[_WARM_UP : _WARM_UP + options.searches]
    busy = corpus.items[_WARM_UP + options.searches :]
    settings = _settings(corpus, options)
    async with AsyncExitStack() as running:
        systems: list[SystemProcess] = []
        for choice in choices:
            _progress(f"{choice.name}: starting, and indexing")
            own = home / re.sub("[^a-z]+", "-", choice.name)
            if choice.environment is None:
                # Anew each time: what a search has written is stored.
                shutil.rmtree(own, ignore_errors=True)
                shutil.copytree(corpus.data_dir, own)
            system = await running.enter_async_context(
                running_system(choice, pythons[choice.name], replace(settings, folder=str(own)))
            )
            systems.append(system)
        if options.index_only:
            return None
        _progress("warming up, and comparing hits")
        await _warm_up(systems, [item.query for item in warm_up])
        measured = await measure_systems(
            systems, alone=alone, busy=busy, concurrency=options.concurrency, progress=_progress
        )
        figures = [
            figures_of(system.choice.name, measured, alone, ours=OURS, versions=system.versions)
            for system in systems
        ]
    return PeersReport(
        machine=describe_machine(),
        corpus=f"{corpus.articles} articles of {', '.join(map(_name, options.sources)) or 'the sample corpus'}",
        load=f"{options.searches} searches one at a time and {options.busy_searches} with {options.concurrency} at "
        f"once; {_TOP_K} hits, summaries of at most {_MAX_TOKENS} tokens, {options.threads} threads; nothing cached; "
        "times p50 / p95",
        concurrency=options.concurrency,
        systems=figures,
    )


def _settings(corpus: PeersCorpus, options: PeersOptions) -> Settings:
    encoder, summarizer = default_encoder_folder(), default_summarizer_folder()
    return Settings(
        articles=corpus.articles_file,
        folder="",
        encoder=str(_torch_folder("encoder", encoder)),
        summarizer=str(_torch_folder("summarizer", summarizer)),
        converted_encoder=str(encoder),
        converted_summarizer=str(summarizer),
        threads=options.threads,
        concurrency=options.concurrency,
        top_k=_TOP_K,
        depth=_DEPTH,
        max_tokens=_MAX_TOKENS,
        elasticsearch_url=options.elasticsearch_url or "",
    )


def _torch_folder(kind: str, source: Path) -> Path:
    """Returns the folder with a shipped model for torch; it is made once for each version of the model."""
    write = write_torch_encoder if kind == "encoder" else write_torch_summarizer
    name = f"torch-{kind}-{_version(source)}-{CHECKPOINT_VERSION}"
    return cached_folder(name, lambda folder: write(source, folder))


async def _warm_up(systems: Sequence[SystemProcess], queries: Sequence[str]) -> None:
    """Has each system answer a few searches, and holds that they find much the same.

    Raises:
        SystemsDisagreeError: one does not.
    """
    found = {
        system.choice.name: [set((await system.search(query)).hits) for query in queries]
        for system in systems
    }
    for name, hits in found.items():
        shares = [agreement(own, ours) for own, ours in zip(hits, found[OURS], strict=True)]
        share = sum(shares) / len(shares)
        if share < _LEAST_AGREEMENT:
            raise SystemsDisagreeError(f"of the hits of {name} only {share:.0%} are among ours")


def _version(model: Path) -> str:
    return str(msgspec.json.decode((model / DESCRIPTION_FILE).read_bytes())["version"])


def _name(source: str) -> str:
    return Path(source).name


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
