"""`gistwire-train encoder-evaluate`: compares an exported text encoder with another one, as they are served."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from gistwire_models.encoder_folder import read_description

from gistwire_training.base_weights import find_base_weights
from gistwire_training.commands.judged import judged_option
from gistwire_training.commands.output import json_option, print_rows, progress
from gistwire_training.encoder import (
    EncoderComparison,
    compare_encoders,
    embed_exported,
    export_encoder,
    judged_sets,
    known_items,
    read_judged_set,
)
from gistwire_training.encoder.retrieval_evaluation import EmbedTexts
from gistwire_training.pairs import Split, read_prepared

_EPILOG = """\b
Examples:
  gistwire-train encoder-evaluate data --encoder model_repo/encoder/1
  gistwire-train encoder-evaluate data --encoder exported --base model_repo/encoder/1 --json
  gistwire-train encoder-evaluate data --encoder exported --judged queries.jsonl news.jsonl
"""


@click.command(epilog=_EPILOG)
@click.argument(
    "data", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--encoder",
    "tuned",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the exported encoder.",
)
@click.option(
    "--base",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the exported encoder it is compared with; without it, MiniLM in int8.",
)
@judged_option("--judged", multiple=True, help="More judged queries, and their articles; may be repeated.")
@click.option("--split", type=click.Choice(["validation", "test"]), default="test", show_default=True)
@json_option
def encoder_evaluate(
    *,
    data: tuple[Path, ...],
    tuned: Path,
    base: Path | None,
    judged: tuple[tuple[Path, Path], ...],
    split: Split,
    as_json: bool,
) -> None:
    """Compare an exported encoder with another one: headlines of DATA that look for their bodies, and judged queries.

    A gain is nDCG@10 less that of the other one, query by query, with its interval of 95 %.
    """
    retrievals = [known_items(f"known items, {split}", read_prepared(data, split)), *judged_sets()]
    retrievals += [read_judged_set(*files) for files in judged]
    rows: list[EncoderComparison] = []
    with _base_folder(base) as base_folder, progress() as report:
        encoders: dict[str, tuple[EmbedTexts, EmbedTexts]] = {}
        for folder in (base_folder, tuned):
            description = read_description(folder)
            embed = partial(embed_exported, folder)
            encoders[f"{description.name}@{description.version}"] = (embed, embed)
        for done, retrieval in enumerate(retrievals):
            report("searching", done, len(retrievals), retrieval.name)
            rows += compare_encoders(retrieval, encoders)
    print_rows(rows, empty="nothing to compare", as_json=as_json)


@contextmanager
def _base_folder(named: Path | None) -> Iterator[Path]:
    """Gives the folder that was named; else the base of all fine-tuning, exported for the time of the comparison."""
    if named is not None:
        yield named
        return
    with TemporaryDirectory(prefix="gistwire-train-") as folder:
        target = Path(folder) / "base"
        export_encoder(find_base_weights(), target, name="all-MiniLM-L6-v2")
        yield target
