"""All loads and floors, in turn, each with a server of its own where summaries are written: `measure_load`."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from gistwire_models.cores import available_cores

from benchmarks.load.corpus import CorpusOptions, LoadCorpus, copy_state, state_of
from benchmarks.load.figures import LoadFigures, LoadKind, MemoryFigures, run_figures
from benchmarks.load.floors import measure_floors
from benchmarks.load.preparation import prepare_corpus
from benchmarks.load.processes import (
    ServerProcess,
    Usage,
    free_address,
    make_load,
    running_server_process,
)
from benchmarks.load.searches import FAILED, Load, LoadReport
from benchmarks.machine import GISTWIRE, describe_machine

_GROWTH_STREAMS = 8
_GROWTH_TIME_LIMIT_S = 3_600.0
_SINGLE_STREAM_SEARCHES = 200
_UNKNOWN_STREAM_BYTES = 17_000
_BARE_LEVELS = (1, 32)
_WRITING: tuple[LoadKind, ...] = ("cold", "half")
_GROWING: tuple[LoadKind, ...] = ("warm", "again")
_ORDER: tuple[LoadKind, ...] = ("warm", "again", "half", "cold")
"""Of all kinds but hits."""

_CONNECTIONS_PER_PROCESS = 16
"""With several processes: each connection is one's, by chance, and the load is to be shared about evenly."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What is measured.

    Attributes:
        kinds: kinds of load; hits without summaries are measured in any case, at least one after the other.
        levels: streams of the closed loops.
        rates: searches a second of open loops.
        rate_shares: those of further ones, as shares of the most full searches a second that closed loops of the
            kind came to.
        seconds: length of each load.
        candidates: for each summary; None for the server's default.
        growth_calls: calls over which memory is compared, after as many others; 0 for no comparison.
        floors: whether the floors are measured, too.
        processes: of each server, sharing its port; None for as many as its configuration says.
    """

    kinds: tuple[LoadKind, ...]
    levels: tuple[int, ...]
    rates: tuple[float, ...]
    rate_shares: tuple[float, ...]
    seconds: float
    candidates: int | None
    growth_calls: int
    floors: bool
    processes: int | None = None


def measure_load(
    folder: Path, corpus_options: CorpusOptions, options: LoadOptions, tell: Callable[[str], None]
) -> LoadFigures:
    """Measures what is asked for.

    Args:
        folder: of the indices; what an earlier run with the same options has left there is used.
        corpus_options: what is searched.
        options: what is measured.
        tell: is told what is being done.

    Raises:
        click.ClickException: there are too few articles.
    """
    tell("indexing, and looking for queries")
    try:
        corpus = prepare_corpus(folder, corpus_options)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    measurement = _Measurement(folder, corpus, options, tell)
    # Hits first, as their floors are to be near; then warm, as the size of its streams is that of the bare ones.
    if "hits" in options.kinds:
        measurement.measure("hits", levels=tuple(sorted({1, *options.levels})), rates=options.rates)
    else:
        measurement.measure("hits", levels=(1,))
    measurement.measure_floors()
    for kind in sorted(set(options.kinds) - {"hits"}, key=_ORDER.index):
        measurement.measure(kind, levels=options.levels, rates=options.rates, shares=options.rate_shares)
        if kind != "again":
            measurement.measure_floors()
    return measurement.figures


class _Measurement:
    """The figures so far, and what more of them are taken with."""

    def __init__(
        self, folder: Path, corpus: LoadCorpus, options: LoadOptions, tell: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._corpus = corpus
        self._options = options
        self._tell = tell
        self._stream_bytes = _UNKNOWN_STREAM_BYTES
        config = corpus.options.setting.config("cold", folder / "cold")
        self._candidates = options.candidates or config.summary.candidates
        self._processes = options.processes or config.processes
        names = [Path(each).name for each in corpus.options.sources] or ["the sample corpus"]
        self.figures = LoadFigures(
            machine=describe_machine(),
            cores=available_cores(),
            articles=corpus.articles,
            index=config.index,
            setting=(
                f"{corpus.articles} articles of {', '.join(names)}; index {config.index}, models {config.models}, "
                f"server processes: {self._processes}; "
                f"k = {corpus.options.top_k}, {self._candidates} candidates of {config.summary.max_tokens} tokens; "
                f"{len(corpus.cold)} cold queries, Zipf over {len(corpus.pool)} warm ones; of summaries in general "
                f"{corpus.lasting_share:.0%} are worth storing"
            ),
            candidates=self._candidates,
            top_k=corpus.options.top_k,
            seconds=options.seconds,
        )

    def measure_floors(self) -> None:
        if not self._options.floors:
            return
        self._tell("floors")
        self.figures.floors.append(
            measure_floors(
                self._folder,
                self._corpus,
                candidates=self._candidates,
                stream_bytes=self._stream_bytes,
                levels=_BARE_LEVELS,
            )
        )

    def measure(
        self,
        kind: LoadKind,
        *,
        levels: tuple[int, ...],
        rates: tuple[float, ...] = (),
        shares: tuple[float, ...] = (),
    ) -> None:
        """Measures a kind of load at each level, each rate, and each share of what the levels came to."""
        with ExitStack() as stack:
            # Where summaries are written each load has a server of its own, as it leaves them behind.
            shared = None if kind in _WRITING else stack.enter_context(self._server(kind))
            for streams in levels:
                self._run(kind, shared, streams, None)
            for rate in rates:
                self._run(kind, shared, None, rate)
            most_per_s = max((run.full_per_s for run in self.figures.runs if run.kind == kind), default=0.0)
            for share in shares if most_per_s else ():
                self._run(kind, shared, None, share * most_per_s)
            if kind in _GROWING and shared is not None and self._options.growth_calls:
                self._tell(f"{kind}, {self._options.growth_calls} calls for memory")
                self.figures.growth.append(self._growth(kind, shared))

    def _run(
        self, kind: LoadKind, shared: ServerProcess | None, streams: int | None, rate_per_s: float | None
    ) -> None:
        named = f"{streams} streams" if streams is not None else f"{rate_per_s:.1f} searches a second"
        self._tell(f"{kind}, {named}")
        with ExitStack() as stack:
            server = shared or stack.enter_context(self._server(kind))
            self._measure_load(kind, server, streams, rate_per_s)

    def _measure_load(
        self, kind: LoadKind, server: ServerProcess, streams: int | None, rate_per_s: float | None
    ) -> None:
        load = self._load(
            server,
            kind,
            summaries=kind != "hits",
            # What is not worth storing is written each time, but its sentences are known then.
            warm_up=self._corpus.warm_up if kind in ("hits", *_WRITING) else self._corpus.pool,
            streams=streams,
            rate_per_s=rate_per_s,
            searches=_SINGLE_STREAM_SEARCHES if kind == "hits" else None,
            seconds=self._options.seconds,
        )
        report, used = make_load(load, server)
        stored = self._corpus.stored[state_of(kind)]
        run = run_figures(kind, load, report, used, stored=stored)
        self.figures.runs.append(run)
        if any(outcome.startswith(FAILED) for outcome in run.outcomes):
            self._tell(f"searches failed; the server said at last:\n{server.log_end()}")
        self.figures.start_mb = self.figures.start_mb or run.memory_mb
        if kind == "warm" and run.sent_bytes:
            self._stream_bytes = round(run.sent_bytes)

    def _growth(self, kind: LoadKind, server: ServerProcess) -> MemoryFigures:
        """Memory before and after so many calls, by a server that has answered as many before.

        Until then caches fill, of which those of answers and of an index's pages take a minute.
        """

        def make(searches: int) -> tuple[LoadReport, Usage]:
            load = self._load(
                server,
                kind,
                streams=_GROWTH_STREAMS,
                searches=searches,
                seconds=_GROWTH_TIME_LIMIT_S,
            )
            return make_load(load, server)

        calls = self._options.growth_calls
        _, used = make(calls)
        before_mb = used.memory_mb
        report, used = make(calls)
        return MemoryFigures(kind, len(report.searches), before_mb, used.memory_mb)

    def _load(self, server: ServerProcess, kind: LoadKind, **fields: Any) -> Load:
        queries = self._corpus.queries(kind)
        # A server knows the queries of earlier loads, and a cluster keeps their summaries: others are asked for.
        is_new_each_time = kind == "hits" or kind in _WRITING
        begun = sum(run.completed for run in self.figures.runs if run.kind == kind) if is_new_each_time else 0
        first = begun % len(queries)
        return Load(
            target=server.target,
            queries=[*queries[first:], *queries[:first]],
            order="zipf" if kind in ("warm", "again") else "in turn",
            are_distinct=kind != "again",
            top_k=self._corpus.options.top_k,
            candidates=self._options.candidates,
            connections=_CONNECTIONS_PER_PROCESS * self._processes if self._processes > 1 else None,
            **fields,
        )

    @contextmanager
    def _server(self, kind: LoadKind) -> Iterator[ServerProcess]:
        address = free_address()
        host, _, port = address.partition(":")
        with tempfile.TemporaryDirectory(prefix="gistwire-load-") as folder:
            data_dir = copy_state(self._folder, state_of(kind), Path(folder) / "data")
            config_file = self._corpus.options.setting.config_file_for(state_of(kind), Path(folder))
            config = () if config_file is None else ("--config", str(config_file))
            command = [
                GISTWIRE,
                *("serve", "--data-dir", str(data_dir), "--host", host, "--port", port),
                *("--processes", str(self._processes)),
                *config,
            ]
            log = Path(folder) / "server.log"
            with running_server_process(command, address, log=log) as server:
                yield server
