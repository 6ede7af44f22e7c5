"""`gistwire-train prepare`: makes training, validation and test pairs of news."""

from pathlib import Path

import click

from gistwire_training.commands.output import json_option, print_result, progress
from gistwire_training.commands.recipes import read_recipe, recipe_option, set_option
from gistwire_training.data import FileSource, PreparationOptions, PreparationProgress
from gistwire_training.data import prepare as prepare_pairs

_EPILOG = """\b
Examples:
  gistwire-train prepare news.jsonl.gz --out data
  gistwire-train prepare articles.csv --column summary=abstract --out data
  gistwire-train prepare archive.jsonl --set max_pairs_per_source=5000 --out data
"""


@click.command(epilog=_EPILOG)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
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
@recipe_option
@set_option
@json_option
def prepare(
    *,
    files: tuple[Path, ...],
    out: Path,
    columns: tuple[str, ...],
    recipe_file: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Clean, filter and split the articles of FILES (JSON lines, CSV or TSV, also gzipped)."""
    options = read_recipe(PreparationOptions, recipe_file, settings)
    sources = [FileSource(path=path, columns=_names(columns)) for path in files]
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
