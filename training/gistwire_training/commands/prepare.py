"""`gistwire-train prepare`: makes training, validation and test pairs of news."""

from pathlib import Path

import click

from gistwire_training.commands.output import json_option, print_result, progress
from gistwire_training.commands.recipes import read_recipe, recipe_option, set_option
from gistwire_training.data import (
    FileSource,
    PreparationOptions,
    PreparationProgress,
    ServerSource,
    Source,
)
from gistwire_training.data import prepare as prepare_pairs

_EPILOG = """\b
Examples:
  gistwire-train prepare news.jsonl.gz --out data
  gistwire-train prepare articles.csv --column summary=abstract --out data
  gistwire-train prepare --server 127.0.0.1:50051 --query storms --query "the economy" --out data
  gistwire-train prepare archive.jsonl --set max_pairs_per_source=5000 --out data
"""


@click.command(epilog=_EPILOG)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to be made."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="KEY=NAME",
    help="What the files call the headline, body, summary or another field; may be repeated.",
)
@click.option(
    "--server", metavar="HOST:PORT", help="Also the articles of a running Gistwire that --query finds."
)
@click.option("--query", "queries", multiple=True, help="A search whose hits are taken; may be repeated.")
@click.option(
    "--stored-summaries",
    is_flag=True,
    help="Learn the summaries that the server has stored. A model wrote them: what learns from them copies it.",
)
@recipe_option
@set_option
@json_option
def prepare(
    *,
    files: tuple[Path, ...],
    out: Path,
    columns: tuple[str, ...],
    server: str | None,
    queries: tuple[str, ...],
    stored_summaries: bool,
    recipe_file: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Clean, filter and split the articles of FILES (JSON lines, CSV or TSV, also gzipped), or of a server."""
    if bool(server) != bool(queries):
        raise click.UsageError("--server and --query go together")
    if stored_summaries and not server:
        raise click.UsageError("--stored-summaries needs --server")
    if columns and not files:
        raise click.UsageError("--column names fields of files, of which there are none")
    if not files and not server:
        raise click.UsageError("name files, or a server")
    options = read_recipe(PreparationOptions, recipe_file, settings)
    sources: list[Source] = [FileSource(path=path, columns=_names(columns)) for path in files]
    if server:
        sources.append(ServerSource(target=server, queries=queries, stored_summaries=stored_summaries))
    with progress() as report:

        def tell(at: PreparationProgress) -> None:
            report(at.stage, at.articles, at.articles, at.source)

        result = prepare_pairs(sources, out, options, on_progress=tell)
    print_result(result, as_json=as_json)


def _names(columns: tuple[str, ...]) -> dict[str, str]:
    """Returns the files' names of fields."""
    names: dict[str, str] = {}
    for column in columns:
        key, separator, name = column.partition("=")
        if not separator:
            raise click.BadParameter(f"{column!r} is not KEY=NAME", param_hint="--column")
        names[key] = name
    return names
