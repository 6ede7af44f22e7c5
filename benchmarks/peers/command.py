"""`python -m benchmarks peers`."""

from pathlib import Path

import click
from gistwire_models.cores import available_cores

from benchmarks.help import examples
from benchmarks.peers.comparison import PeersOptions, measure_peers
from benchmarks.peers.errors import PeersError
from benchmarks.peers.systems import SYSTEMS, chosen


@click.command(
    epilog=examples(
        "peers agnews.jsonl.gz",
        "peers --system txtai --searches 40 --report report agnews.jsonl.gz",
        "peers --elasticsearch-url http://127.0.0.1:9200 agnews.jsonl.gz",
    )
)
@click.option("--articles", type=click.IntRange(200), default=7_600, show_default=True, help="At most.")
@click.option(
    "--searches", type=click.IntRange(2), default=20, show_default=True, help="Of each system, one at a time."
)
@click.option(
    "--busy-searches", type=click.IntRange(2), default=24, show_default=True, help="Several at a time."
)
@click.option("--concurrency", type=click.IntRange(2), default=8, show_default=True, help="So many.")
@click.option("--threads", type=click.IntRange(1), help="Cores for each system.  [default: all]")
@click.option(
    "--system",
    "names",
    type=click.Choice([each.name for each in SYSTEMS]),
    multiple=True,
    help="Compared with ours; repeatable.  [default: all]",
)
@click.option(
    "--elasticsearch-url", help="A cluster for haystack with Elasticsearch, which is else left out."
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder where indexes remain for a later run.",
)
@click.option("--index-only", is_flag=True, help="Only make the indexes; for a later run, with --keep.")
@click.option(
    "--report", type=click.Path(path_type=Path, file_okay=False), help="Folder for tables and pictures."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.argument("sources", nargs=-1)
def peers(
    *,
    articles: int,
    searches: int,
    busy_searches: int,
    concurrency: int,
    threads: int | None,
    names: tuple[str, ...],
    elasticsearch_url: str | None,
    keep: Path | None,
    index_only: bool,
    report: Path | None,
    as_json: bool,
    sources: tuple[str, ...],
) -> None:
    """Gistwire beside txtai, haystack and jina: the same articles, weights, limits and cores, in turn.

    Environments for the peers are made in the user's cache at first, of packages from PyPI: about 6 GB.
    """
    if index_only and keep is None:
        raise click.UsageError("--index-only takes --keep, a folder where the indexes remain")
    options = PeersOptions(
        sources=sources,
        articles=articles,
        searches=searches,
        busy_searches=busy_searches,
        concurrency=concurrency,
        threads=threads or available_cores(),
        elasticsearch_url=elasticsearch_url,
        kept=keep,
        index_only=index_only,
    )
    try:
        choices = chosen(names, has_elasticsearch=elasticsearch_url is not None)
        measure_peers(options, choices, report_folder=report, as_json=as_json)
    except PeersError as error:
        raise click.ClickException(str(error)) from error
