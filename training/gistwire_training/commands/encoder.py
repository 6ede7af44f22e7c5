"""`gistwire-train encoder`: fine-tunes the text encoder on headlines and their bodies."""

from pathlib import Path

import click
from gistwire_models.local_encoder import find_default_weights

from gistwire_training.commands.output import json_option, print_result, progress
from gistwire_training.commands.recipes import read_recipe, recipe_option, set_option
from gistwire_training.encoder import EncoderProgress, EncoderRecipe, train_encoder

_EPILOG = """\b
Examples:
  gistwire-train encoder data --run runs/encoder
  gistwire-train encoder data --run runs/encoder --resume
  gistwire-train encoder data --run runs/encoder --set temperature=0.03
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
@click.option("--resume", is_flag=True, help="Go on with the run from its checkpoint, exactly.")
@recipe_option
@set_option
@json_option
def encoder(
    *,
    data: Path,
    run_folder: Path,
    base: Path | None,
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
            data, run_folder, recipe, base=base or find_default_weights(), resume=resume, on_progress=tell
        )
    print_result(run.result, as_json=as_json)
