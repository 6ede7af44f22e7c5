"""`python -m benchmarks capacity`."""

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
from gistwire_server.config import ServerConfig

from benchmarks.capacity.comparison import compare, comparison_text
from benchmarks.capacity.costs import SearchCosts, costs_of
from benchmarks.capacity.sizing import gpus_for, shards_for, size_replicas
from benchmarks.help import examples
from benchmarks.load.corpus import CorpusOptions
from benchmarks.load.figures import LoadFigures
from benchmarks.load.measurement import LoadOptions, measure_load
from benchmarks.load.setting import ServerSetting

_LEVELS = (1, 4, 16)
_RATE_SHARES = (0.4, 0.7)


@click.command(
    epilog=examples(
        "capacity agnews.jsonl.gz",
        "load --json load.json agnews.jsonl.gz",
        "capacity --figures load.json --searches-per-s 50 --stored-share 0.6",
    )
)
@click.option("--searches-per-s", type=click.FloatRange(min=0, min_open=True), help="A load to size for.")
@click.option(
    "--stored-share",
    type=click.FloatRange(0, 1),
    default=0.9,
    show_default=True,
    help="Share of its summaries that are stored.",
)
@click.option(
    "--p95-s",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Time for 95 % of its searches.",
)
@click.option("--cores", type=click.IntRange(1), help="Of a replica.  [default: those of the measurement]")
@click.option("--indexed", type=click.IntRange(1), default=100_000, show_default=True, help="Articles.")
@click.option(
    "--figures",
    "figures_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `load --json` has written, with its floors and loads of one stream.  [default: it is measured]",
)
@click.option("--seconds", type=click.FloatRange(1), default=10.0, show_default=True, help="Of each load.")
@click.option("--candidates", type=click.IntRange(1, 8), help="For each summary.  [default: the server's]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The server's configuration.",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where indices are kept for a later run.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="File for the measured figures.")
@click.argument("sources", nargs=-1)
def capacity(
    *,
    searches_per_s: float | None,
    stored_share: float,
    p95_s: float,
    cores: int | None,
    indexed: int,
    figures_file: Path | None,
    seconds: float,
    candidates: int | None,
    config_file: Path | None,
    data_dir: Path | None,
    json_file: Path | None,
    sources: tuple[str, ...],
) -> None:
    """What searches cost, what a model of the server makes of that beside what was measured, and sizes.

    The model is checked against the loads that its costs were taken in the same run as.
    """
    setting = ServerSetting(config_file=config_file)
    if figures_file is not None:
        figures = msgspec.json.decode(figures_file.read_bytes(), type=LoadFigures)
    else:
        figures = _measure(setting, seconds, candidates, data_dir, sources)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    config = setting.config("cold", data_dir or Path())
    try:
        costs = costs_of(figures)
    except ValueError as error:
        raise click.UsageError(f"--figures: {error}") from error
    print(f"Machine: {figures.machine}\n{figures.setting}\n")
    print(_costs_text(costs))
    if searches_per_s is None or figures_file is None:
        print("\n" + comparison_text(compare(figures, costs, config)))
    if searches_per_s is not None:
        print(
            "\n"
            + _sizes_text(
                costs,
                config,
                searches_per_s=searches_per_s,
                stored_share=stored_share,
                cores=cores or figures.cores,
                p95_s=p95_s,
                indexed=indexed,
            )
        )


def _measure(
    setting: ServerSetting,
    seconds: float,
    candidates: int | None,
    data_dir: Path | None,
    sources: tuple[str, ...],
) -> LoadFigures:
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {line}", file=sys.stderr, flush=True)

    options = LoadOptions(
        kinds=("warm", "half", "cold"),
        levels=_LEVELS,
        rates=(),
        rate_shares=_RATE_SHARES,
        seconds=seconds,
        candidates=candidates,
        growth_calls=0,
        floors=True,
    )
    corpus = CorpusOptions(sources=sources, articles=None, top_k=10, cold=160, pool=100, setting=setting)
    with ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gistwire-load-")))
        return measure_load(folder, corpus, options, tell)


def _costs_text(costs: SearchCosts) -> str:
    def row(name: str, stored_share: float, sent_bytes: float) -> str:
        return (
            f"| {name} | {costs.cpu_s(stored_share) * 1e3:.0f} | {costs.interpreter_s(stored_share) * 1e3:.0f} "
            f"| {sent_bytes / 1e6 * 1e3:.0f} | {1 / costs.interpreter_s(stored_share):.0f} |"
        )

    return "\n".join(
        [
            "| a thousand searches | CPU-s | of it the interpreter's | MB sent | searches/s that one process's "
            "interpreter allows |",
            "|---|---|---|---|---|",
            row("all summaries stored", 1.0, costs.sent_bytes),
            row("none stored", 0.0, costs.sent_written_bytes),
        ]
    )


def _sizes_text(
    costs: SearchCosts,
    config: ServerConfig,
    *,
    searches_per_s: float,
    stored_share: float,
    cores: int,
    p95_s: float,
    indexed: int,
) -> str:
    sizing = size_replicas(
        costs,
        config,
        searches_per_s=searches_per_s,
        stored_share=stored_share,
        cores=cores,
        p95_s=p95_s,
    )
    times = (
        "nothing full"
        if sizing.final_ms is None
        else (f"p50 {sizing.final_ms.p50 / 1e3:.2f} s, p95 {sizing.final_ms.p95 / 1e3:.2f} s")
    )
    lines = [
        f"{searches_per_s:g} searches/s, {stored_share:.0%} of the summaries stored:",
        f"  {f'replicas of {cores} cores, models in the process':<48}{sizing.replicas}",
        f"  {'final ranking, as predicted':<48}{times}",
        f"  {'full searches':<48}{sizing.full_share:.1%}",
        f"  {'use of cores / of the interpreter':<48}{sizing.core_use:.0%} / {sizing.interpreter_use:.0%}",
        f"  {'or GPUs (H200) for the summaries, on Triton':<48}{gpus_for(searches_per_s, stored_share, costs.hits)}",
        f"  {f'primary shards for {indexed:,} articles':<48}{shards_for(indexed)}",
    ]
    if not sizing.is_enough:
        lines.append(
            f"  A search takes longer than {p95_s:g} s by itself: replicas do not shorten it. Store summaries "
            "beforehand, ask for fewer candidates, or give replicas more cores."
        )
    return "\n".join(lines)
