"""`python -m benchmarks profile`."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from benchmarks.help import examples
from benchmarks.load.corpus import CorpusOptions
from benchmarks.load.setting import ServerSetting
from benchmarks.profile.figures import profile_text
from benchmarks.profile.measurement import measure_profile


@click.command(
    epilog=examples("profile agnews.jsonl.gz", "profile --searches 100 --json profile.json agnews.jsonl.gz")
)
@click.option("--articles", type=click.IntRange(1_000), help="Size of the corpus.  [default: as given]")
@click.option("--searches", type=click.IntRange(2), default=40, show_default=True, help="Of each kind.")
@click.option("--top-k", type=click.IntRange(1, 100), default=10, show_default=True, help="Hits of a search.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where indices are kept for a later run.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="File for the figures.")
@click.argument("sources", nargs=-1)
def profile(
    *,
    articles: int | None,
    searches: int,
    top_k: int,
    data_dir: Path | None,
    json_file: Path | None,
    sources: tuple[str, ...],
) -> None:
    """Where the time of a search goes, part by part.

    Searches are made in this command's own process, one after the other and without gRPC: hits of new queries and of
    known articles, warm searches, the same told again, and cold ones. Beside them their parts are measured alone, by
    the functions that a search calls. SOURCES are files of articles as `gistwire ingest` takes them; without any, the
    sample corpus.
    """
    options = CorpusOptions(
        sources=sources,
        articles=articles,
        top_k=top_k,
        cold=searches,
        pool=searches,
        setting=ServerSetting(),
    )
    with ExitStack() as stack:
        folder = data_dir or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="gistwire-profile-"))
        )
        figures = measure_profile(folder, options, searches=searches)
    print(profile_text(figures), end="")
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
