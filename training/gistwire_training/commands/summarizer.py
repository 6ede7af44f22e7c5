"""`gistwire-train summarizer`: trains a summarizer, and goes on with a run that was killed."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from gistwire_training.base_weights import find_base_weights
from gistwire_training.commands.output import StageProgress, json_option, print_result, progress
from gistwire_training.commands.recipes import read_recipe, recipe_option, set_option
from gistwire_training.pairs import TRAINING_SPLITS, Pair, Split, read_prepared
from gistwire_training.summarizer.alignment import warm_started
from gistwire_training.summarizer.copying_bart import CopyingBart, read_copying_bart
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.training import StepMetrics, finish_early, read_run_recipe, train_summarizer

_EPILOG = """\b
Examples:
  gistwire-train summarizer data --run runs/news
  gistwire-train summarizer data --run runs/news --resume
  gistwire-train summarizer data written --run runs/style --start runs/news/model --set steps=500
  gistwire-train summarizer data --run runs/lora --start runs/news/model --set tuning=lora
"""


@click.command(epilog=_EPILOG)
@click.argument(
    "data", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--run", "run_folder", required=True, type=click.Path(path_type=Path), help="Folder of the run."
)
@click.option(
    "--start",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the model to go on from: one of an earlier run, or a BERT encoder to warm-start from. "
    "Without it, the encoder that Gistwire builds on.",
)
@click.option("--resume", is_flag=True, help="Go on with the run from its checkpoint, exactly.")
@click.option(
    "--finish", is_flag=True, help="Train no more: make the best weights of the checkpoint the result."
)
@recipe_option
@set_option
@json_option
def summarizer(
    *,
    data: tuple[Path, ...],
    run_folder: Path,
    start: Path | None,
    resume: bool,
    finish: bool,
    recipe_file: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train a summarizer on the pairs in DATA, the folders that `prepare` made."""
    recipe = (
        read_run_recipe(run_folder)
        if resume or finish
        else read_recipe(SummarizerRecipe, recipe_file, settings)
    )
    splits: dict[Split, list[Pair]] = {split: read_prepared(data, split) for split in TRAINING_SPLITS}
    with progress() as report:
        # A run that goes on has its weights in the checkpoint: nothing is to be aligned again.
        beginning = msgspec.structs.replace(recipe, align_steps=0) if resume or finish else recipe
        trainee = _trainee(start, splits["train"], beginning, report)
        if finish:
            print_result(finish_early(trainee, run_folder, recipe), as_json=as_json)
            return

        def tell(metrics: StepMetrics) -> None:
            note = f"loss {metrics.training_loss:.3f} · {metrics.samples_per_s:.0f} samples/s"
            report("training", metrics.step, metrics.steps, note)
            if metrics.rouge is not None:
                print_result(metrics, as_json=as_json)

        result = train_summarizer(trainee, splits, run_folder, recipe, resume=resume, on_progress=tell)
    print_result(result, as_json=as_json)


def _trainee(
    start: Path | None, train: Sequence[Pair], recipe: SummarizerRecipe, report: StageProgress
) -> CopyingBart:
    if start is not None and (start / "generation_config.json").exists():
        return read_copying_bart(
            start, max_source_tokens=recipe.max_source_tokens, max_target_tokens=recipe.max_target_tokens
        )
    return warm_started(
        start or find_base_weights(),
        train,
        recipe,
        on_progress=lambda step, steps, right: report("aligning", step, steps, f"{right:.0%} told right"),
    )
