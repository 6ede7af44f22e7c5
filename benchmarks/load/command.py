"""`python -m benchmarks load`."""

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import click
import msgspec

from benchmarks.help import examples
from benchmarks.load.corpus import CorpusOptions
from benchmarks.load.figures import LoadKind
from benchmarks.load.measurement import LoadOptions, measure_load
from benchmarks.load.report import draw_report, report_text
from benchmarks.load.setting import ServerSetting


@click.command(
    epilog=examples(
        "load agnews.jsonl.gz",
        "load --kind warm --growth-calls 20000 --report report agnews.jsonl.gz",
        "load --kind cold --streams 1 --streams 8 --candidates 1 --rate 2 agnews.jsonl.gz",
        "load --url http://127.0.0.1:9200 --triton 127.0.0.1:8001 --kind hits --kind warm agnews.jsonl.gz",
    )
)
@click.option("--articles", type=click.IntRange(1_000), help="Size of the corpus.  [default: as given]")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(["hits", "cold", "half", "warm", "again"]),
    multiple=True,
    default=("cold", "half", "warm", "again"),
    help="Hits without summaries, or how many of these are stored beforehand, or whole answers kept; repeatable.",
)
@click.option(
    "--streams",
    "levels",
    type=click.IntRange(1, 1_000),
    multiple=True,
    default=(1, 8, 32, 128),
    help="Searches under way at any time; repeatable.",
)
@click.option(
    "--rate",
    "rates",
    type=click.FloatRange(0.1),
    multiple=True,
    help="Searches that begin in a second, at random; repeatable.",
)
@click.option(
    "--rate-share",
    "rate_shares",
    type=click.FloatRange(0.05, 2),
    multiple=True,
    help="The same, as a share of the most that `--streams` came to; repeatable.",
)
@click.option("--seconds", type=click.FloatRange(1), default=10.0, show_default=True, help="Of each load.")
@click.option("--candidates", type=click.IntRange(1, 8), help="For each summary.  [default: the server's]")
@click.option("--top-k", type=click.IntRange(1, 100), default=10, show_default=True, help="Hits of a search.")
@click.option(
    "--cold-queries",
    type=click.IntRange(10),
    default=160,
    show_default=True,
    help="Of articles of their own.",
)
@click.option(
    "--pool", type=click.IntRange(10), default=100, show_default=True, help="Queries of warm loads."
)
@click.option(
    "--growth-calls",
    type=click.IntRange(0),
    default=0,
    help="Calls over which memory is compared, after as many others.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="Of the server, sharing its port.  [default: as its configuration says]",
)
@click.option("--floors/--no-floors", default=True, help="Whether what lies under a search is measured, too.")
@click.option("--url", help="Address of an Elasticsearch cluster.  [default: the embedded index]")
@click.option("--triton", help="HOST:PORT of a Triton server.  [default: models in the process]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The server's configuration, such as one with other limits; `--url` and `--triton` go before it.",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where indices are kept for a later run.")
@click.option("--report", type=click.Path(path_type=Path), help="Folder for the report and its plots.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="File for the figures.")
@click.argument("sources", nargs=-1)
def load(
    *,
    articles: int | None,
    kinds: tuple[str, ...],
    levels: tuple[int, ...],
    rates: tuple[float, ...],
    rate_shares: tuple[float, ...],
    seconds: float,
    candidates: int | None,
    top_k: int,
    cold_queries: int,
    pool: int,
    growth_calls: int,
    floors: bool,
    processes: int | None,
    url: str | None,
    triton: str | None,
    config_file: Path | None,
    data_dir: Path | None,
    report: Path | None,
    json_file: Path | None,
    sources: tuple[str, ...],
) -> None:
    """A whole server under load, in a process of its own, beside what lies under any search.

    What is admitted is limited by the server's own settings: at many streams searches are stepped down and refused,
    and counted as such; `--config` with higher `limits` and `overload.max_wait_s` lifts that.
    """
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {line}", file=sys.stderr, flush=True)

    options = LoadOptions(
        kinds=cast("tuple[LoadKind, ...]", kinds),
        levels=levels,
        rates=rates,
        rate_shares=rate_shares,
        seconds=seconds,
        candidates=candidates,
        growth_calls=growth_calls,
        floors=floors,
        processes=processes,
    )
    corpus = CorpusOptions(
        sources=sources,
        articles=articles,
        top_k=top_k,
        cold=cold_queries,
        pool=pool,
        setting=ServerSetting(config_file=config_file, url=url, triton=triton),
    )
    with ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gistwire-load-")))
        figures = measure_load(folder, corpus, options, tell)
    text = report_text(figures)
    print(text)
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        plots = draw_report(figures, report)
        pictures = "".join(f"\n![{plot.stem}]({plot.name})\n" for plot in plots)
        (report / "load.md").write_text(f"# Load\n\n{text}{pictures}", encoding="utf-8")
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
