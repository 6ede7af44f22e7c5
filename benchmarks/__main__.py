"""`python -m benchmarks`: one command for each kind of figure; each prints the machine beside its figures."""

from pathlib import Path

import click
from gistwire_models.cores import available_cores

from benchmarks.capacity.command import capacity
from benchmarks.digests import measure_digests
from benchmarks.growth import measure_growth
from benchmarks.guard.command import guard
from benchmarks.help import examples
from benchmarks.ingest import measure_ingest
from benchmarks.load.command import load
from benchmarks.machine import quiet_log
from benchmarks.observed_run import observe_run
from benchmarks.peers.command import peers
from benchmarks.policy import measure_policy
from benchmarks.profile.command import profile
from benchmarks.quality import measure_quality
from benchmarks.recommendation import measure_recommendation
from benchmarks.speed import measure_speed
from benchmarks.startup import measure_startup
from benchmarks.topics import measure_topics
from benchmarks.triton import measure_triton


@click.group()
def main() -> None:
    """Measure Gistwire on this machine."""
    quiet_log()


main.add_command(load)
main.add_command(capacity)
main.add_command(guard)
main.add_command(peers)
main.add_command(profile)


@main.command(epilog=examples("speed", "speed --articles 7600 --articles 100000 agnews.jsonl.gz"))
@click.option(
    "--articles", "sizes", type=int, multiple=True, default=(7_600,), help="Size of the corpus; repeatable."
)
@click.option("--searches", type=click.IntRange(2), default=200, help="Searches for each figure.")
@click.argument("sources", nargs=-1)
def speed(sizes: tuple[int, ...], searches: int, sources: tuple[str, ...]) -> None:
    """Ingest rate, memory, and times of searches.

    SOURCES are files of articles as `gistwire ingest` takes them; without any, the sample corpus.
    """
    measure_speed(sizes, sources, searches)


@main.command(epilog=examples("startup agnews.jsonl.gz"))
@click.option(
    "--runs", type=click.IntRange(2), default=10, show_default=True, help="Processes for each figure."
)
@click.argument("sources", nargs=-1)
def startup(runs: int, sources: tuple[str, ...]) -> None:
    """From the shell prompt to the first hit of `gistwire search`, with no server running.

    SOURCES are files of articles as `gistwire ingest` takes them; without any, the sample corpus.
    """
    measure_startup(sources, runs=runs)


@main.command(epilog=examples("policy agnews.jsonl.gz reuters.jsonl.gz"))
@click.argument("sources", nargs=-1)
def policy(sources: tuple[str, ...]) -> None:
    """What the default policy of summaries finds in real news, where there is next to nothing to find.

    SOURCES are files of articles as `gistwire ingest` takes them; without any, the sample corpus.
    """
    measure_policy(sources)


@main.command(epilog=examples("quality", "quality agnews.jsonl.gz reuters.jsonl.gz"))
@click.argument("sources", nargs=-1)
def quality(sources: tuple[str, ...]) -> None:
    """Quality of retrieval and ranking, by weights.

    The judged queries of the sample corpus are always measured; of SOURCES, files of articles, known items
    (headline to body) are searched as well.
    """
    measure_quality(sources)


@main.command(
    epilog=examples(
        "recommendation huffpost.jsonl.gz agnews.jsonl.gz",
        "recommendation --tune --readers 400 huffpost.jsonl.gz",
    )
)
@click.option("--articles", type=click.IntRange(1_000), default=10_000, show_default=True, help="The latest.")
@click.option("--readers", type=click.IntRange(20), default=200, show_default=True, help="Of each kind.")
@click.option("--tune", is_flag=True, help="Also a table of weights, on 30 % of the readers.")
@click.argument("sources", nargs=-1, required=True)
def recommendation(*, articles: int, readers: int, tune: bool, sources: tuple[str, ...]) -> None:
    """Recommendations for simulated readers, against simpler ways, and their time.

    SOURCES are files of articles with categories.
    """
    measure_recommendation(sources, articles=articles, readers=readers, tune=tune)


@main.command(
    epilog=examples(
        "growth --url http://127.0.0.1:9200",
        "growth --articles 10000 --articles 100000 agnews.jsonl.gz huffpost.jsonl.gz",
    )
)
@click.option("--url", default="http://127.0.0.1:9200", show_default=True, help="Address of the cluster.")
@click.option("--prefix", default="gistwire-bench", show_default=True, help="Prefix of the indices' names.")
@click.option(
    "--articles",
    "sizes",
    type=click.IntRange(1_000),
    multiple=True,
    default=(10_000, 100_000, 1_000_000),
    help="Size of the index; repeatable.",
)
@click.option("--searches", type=click.IntRange(2), default=200, help="Searches for each figure.")
@click.option("--keep", is_flag=True, help="Leave the index there, for a later run.")
@click.argument("sources", nargs=-1)
def growth(
    *, url: str, prefix: str, sizes: tuple[int, ...], searches: int, keep: bool, sources: tuple[str, ...]
) -> None:
    """First-hit times and recall of an Elasticsearch index as it grows."""
    measure_growth(url, prefix, sizes, sources, searches, keep=keep)


@main.command(
    epilog=examples("ingest", "ingest --index elasticsearch --url http://127.0.0.1:9200 --articles 20000")
)
@click.option("--index", type=click.Choice(["embedded", "elasticsearch"]), default="embedded")
@click.option("--url", default="http://127.0.0.1:9200", show_default=True, help="Address of the cluster.")
@click.option("--articles", type=click.IntRange(100), default=2_000, show_default=True, help="How many.")
@click.option(
    "--visibility",
    type=click.Choice(["immediate", "awaited", "eventual"]),
    default="awaited",
    show_default=True,
    help="When an article is acknowledged.",
)
@click.argument("sources", nargs=-1)
def ingest(index: str, url: str, articles: int, visibility: str, sources: tuple[str, ...]) -> None:
    """Ingest through a server, against raw encoding and raw bulk writes."""
    measure_ingest(index=index, url=url, articles=articles, visibility=visibility, sources=sources)


@main.command(epilog=examples("topics agnews.jsonl.gz huffpost.jsonl.gz inshorts.jsonl.gz reuters.jsonl.gz"))
@click.argument("sources", nargs=-1)
def topics(sources: tuple[str, ...]) -> None:
    """Categories on test splits, story clustering against a baseline and the truth, its updates, and its speed."""
    measure_topics(sources)


@main.command(
    epilog=examples(
        "triton",
        "triton --engine-cores 1 --concurrency 8",
        "triton --target 127.0.0.1:8001 --concurrency 8 agnews.jsonl.gz",
    )
)
@click.option("--target", help="HOST:PORT of a Triton server's gRPC service.  [default: one is started]")
@click.option("--metrics-url", help="Its metrics, with --target.")
@click.option(
    "--concurrency",
    "levels",
    type=click.IntRange(1, 64),
    multiple=True,
    default=(1, 2, 4, 8, 16, 32, 64),
    help="Articles, or searches of eight, under way at once; repeatable.",
)
@click.option("--summaries", type=click.IntRange(8), default=192, show_default=True, help="For each figure.")
@click.option(
    "--engine-cores",
    type=click.IntRange(1),
    help="Cores for the raw engine and for Triton alone; who asks has the others.  [default: all share all]",
)
@click.argument("sources", nargs=-1)
def triton(
    *,
    target: str | None,
    metrics_url: str | None,
    levels: tuple[int, ...],
    summaries: int,
    engine_cores: int | None,
    sources: tuple[str, ...],
) -> None:
    """Summaries by the raw engine, in this process, through Triton, and through the whole service."""
    if engine_cores is not None and (target is not None or engine_cores >= available_cores()):
        raise click.UsageError("--engine-cores: of a server that is started here, and fewer than there are")
    measure_triton(
        target=target,
        metrics_url=metrics_url,
        levels=levels,
        summaries=summaries,
        engine_cores=engine_cores,
        sources=sources,
    )


@main.command(epilog=examples("digests", "digests agnews.jsonl.gz reuters.jsonl.gz"))
@click.argument("sources", nargs=-1)
def digests(sources: tuple[str, ...]) -> None:
    """Digests: citations that hold, repetition, coverage, false alarms, and times beside a search's.

    The judged queries of the sample corpus are always measured; of SOURCES, files of articles, the first 3,000
    articles: headlines as queries, and groups of articles on one story.
    """
    measure_digests(sources)


@main.command(epilog=examples("dashboard", "dashboard --minutes 20 --output dashboard.png"))
@click.option(
    "--output", type=click.Path(path_type=Path), default="docs/images/dashboard.png", show_default=True
)
@click.option("--minutes", type=click.FloatRange(1), default=6, show_default=True, help="Length of the run.")
@click.option("--rate", type=click.FloatRange(0.1), default=3, show_default=True, help="Searches a second.")
def dashboard(output: Path, minutes: float, rate: float) -> None:
    """A run with Triton killed and a rush of searches, watched by Prometheus, as a picture of the dashboard.

    Takes Debian's package prometheus. The picture is our rendering of the dashboard's file, not Grafana's.
    """
    observe_run(output, minutes=minutes, rate=rate)


if __name__ == "__main__":
    main()
