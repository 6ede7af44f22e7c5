"""`gistwire-train refresh`: trains a summarizer on with new pairs, and has it served if it passes the gate."""

import shutil
from pathlib import Path

import click

from gistwire_training.commands.output import StageProgress, json_option, print_result, progress
from gistwire_training.commands.recipes import gate_option, read_recipe, recipe_option, set_option
from gistwire_training.commands.repository import repository_option
from gistwire_training.export import export_summarizer
from gistwire_training.pairs import TRAINING_SPLITS, read_prepared
from gistwire_training.registry import Gate, MixtureOptions, ServedMeasurement
from gistwire_training.registry import refresh as refresh_model
from gistwire_training.summarizer.copying_bart import read_copying_bart
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.training import is_resumable, train_summarizer

_EPILOG = """\b
Examples:
  gistwire-train refresh this-week --old data --start runs/news/model --record runs/week-48
  gistwire-train refresh this-week --old data --start runs/news/model --record runs/week-48 --set steps=800
"""

_DEFAULTS = {"steps": 600, "learning_rate": 1e-4, "encoder_learning_rate": 3e-5}
"""A refresh goes on from a trained model: lower rates than the first training's keep what it knows."""


@click.command(epilog=_EPILOG)
@click.argument("new", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--old",
    multiple=True,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of pairs that were trained on before, oldest first; may be repeated.",
)
@click.option(
    "--start",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the trained model to go on from, as `gistwire-train summarizer` made it.",
)
@click.option(
    "--record",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for all that the refresh makes; killed, it goes on there.",
)
@click.option("--name", default="news-summarizer", show_default=True, help="Name of the exported model.")
@repository_option
@recipe_option
@set_option
@gate_option
@json_option
def refresh(
    *,
    new: Path,
    old: tuple[Path, ...],
    start: Path,
    record: Path,
    name: str,
    repository: Path,
    recipe_file: Path | None,
    settings: tuple[str, ...],
    gates: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train on with the pairs in NEW and old ones against forgetting; promote the outcome if it passes the gate."""
    recipe = read_recipe(SummarizerRecipe, recipe_file, settings, defaults=_DEFAULTS)
    gate = read_recipe(Gate, None, gates)
    with progress() as report:
        trainer = _Trainer(start, recipe, report)
        result = refresh_model(
            repository,
            record,
            new=new,
            old=old,
            train=trainer.train,
            export=lambda checkpoint, target: trainer.export(checkpoint, target, name),
            measure=ServedMeasurement(on_progress=report),
            mixture=MixtureOptions(),
            gate=gate,
            on_stage=lambda stage: report(stage, 0, 1),
        )
    print_result(result, as_json=as_json)


class _Trainer:
    """Trains and exports for a refresh.

    Args:
        start: folder of the model to go on from.
        recipe: how it is trained.
        report: where progress is shown.
    """

    def __init__(self, start: Path, recipe: SummarizerRecipe, report: StageProgress) -> None:
        self._start = start
        self._recipe = recipe
        self._report = report

    def train(self, pairs_folder: Path, run_folder: Path) -> Path:
        """Trains, or resumes, as TrainCandidate says."""
        resume = is_resumable(run_folder)
        if not resume:
            # What a kill left before the first checkpoint is of no use.
            shutil.rmtree(run_folder, ignore_errors=True)
        trainee = read_copying_bart(
            self._start,
            max_source_tokens=self._recipe.max_source_tokens,
            max_target_tokens=self._recipe.max_target_tokens,
        )
        result = train_summarizer(
            trainee,
            {split: read_prepared((pairs_folder,), split) for split in TRAINING_SPLITS},
            run_folder,
            self._recipe,
            resume=resume,
            on_progress=lambda metrics: self._report("training", metrics.step, metrics.steps),
        )
        return result.model

    def export(self, checkpoint: Path, target: Path, name: str) -> None:
        """Converts, as ExportCandidate says."""
        export_summarizer(
            checkpoint,
            target,
            name=name,
            languages=("en",),
            max_source_tokens=self._recipe.max_source_tokens,
            max_target_tokens=self._recipe.max_target_tokens,
            quantization="int8",
        )
