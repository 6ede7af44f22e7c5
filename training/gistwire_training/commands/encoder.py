"""`gistwire-train encoder`: fine-tunes the text encoder on headlines and their bodies."""

from pathlib import Path

import click

from gistwire_training.base_weights import find_base_weights
from gistwire_training.commands.judged import judged_option
from gistwire_training.commands.output import json_option, print_result, progress
from gistwire_training.commands.recipes import read_recipe, recipe_option, set_option
from gistwire_training.encoder import EncoderProgress, EncoderRecipe, read_judged_set, train_encoder

_EPILOG = """\b
Examples:
  gistwire-train encoder data --run runs/encoder
  gistwire-train encoder data --run runs/encoder --resume
  gistwire-train encoder data --run runs/encoder --guard queries.jsonl news.jsonl --set anchor_weight=20
"""


@click.command(epilog=_EPILOG)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--run", "run_folder", required=True, type=click.Path(path_type=Path), help="Folder of the run."
)
@click.option(
    "--base",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the encoder to begin with; without it, the one that Gistwire builds on.",
)
@judged_option("--guard", help="Judged queries, and their articles, that must not be answered worse.")
@click.option("--resume", is_flag=True, help="Go on with the run from its checkpoint, exactly.")
@recipe_option
@set_option
@json_option
def encoder(
    *,
    data: Path,
    run_folder: Path,
    base: Path | None,
    guard: tuple[Path, Path] | None,
    resume: bool,
    recipe_file: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fine-tune the text encoder on the pairs in DATA, a folder that `prepare` made."""
    recipe = read_recipe(EncoderRecipe, recipe_file, settings)
    with progress() as report:

        def tell(at: EncoderProgress) -> None:
            report(at.stage, at.done, at.total)

        run = train_encoder(
            data,
            run_folder,
            recipe,
            base=base or find_base_weights(),
            guard=read_judged_set(*guard) if guard else None,
            resume=resume,
            on_progress=tell,
        )
    print_result(run.result, as_json=as_json)
