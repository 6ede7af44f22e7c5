"""`gistwire-train topics`: fits the classifier of news categories on the encoder's embeddings."""

from pathlib import Path

import click
from gistwire_models.shipped import default_encoder_folder

from gistwire_training.commands.output import json_option, print_result, progress
from gistwire_training.topics import draw_confusion, fit_classifier, read_mapping, shipped_mapping
from gistwire_training.topics.fitting import WANTED_ACCURACY

_EPILOG = """\b
Examples:
  gistwire-train topics agnews.jsonl.gz huffpost.jsonl.gz thucnews-zh.jsonl.gz --out weights --plot confusion.png
  gistwire-train topics ours.jsonl --categories ours.toml --out weights --json
"""


@click.command(epilog=_EPILOG)
@click.argument("data", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the weights."
)
@click.option(
    "--categories",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file that says which of your categories stands for one of a data set; without it, the shipped one.",
)
@click.option(
    "--encoder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the converted encoder that the server runs; without it, the default one.",
)
@click.option(
    "--wanted-accuracy",
    type=click.FloatRange(0, 1),
    default=WANTED_ACCURACY,
    show_default=True,
    help='Of articles that are not called "other", on validation.',
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Picture of the confusion to be made."
)
@json_option
def topics(
    *,
    data: tuple[Path, ...],
    out: Path,
    categories: Path | None,
    encoder: Path | None,
    wanted_accuracy: float,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Fit the classifier of categories on the articles in DATA, one head for each of their languages.

    It is fitted on the training split; temperature and threshold are chosen on validation; figures are of the
    test split.
    """
    mapping = shipped_mapping() if categories is None else read_mapping(categories)
    with progress() as report:
        result = fit_classifier(
            data,
            out,
            mapping=mapping,
            encoder_folder=encoder or default_encoder_folder(),
            wanted_accuracy=wanted_accuracy,
            on_progress=lambda done, total: report("embedding", done, total),
        )
    if plot is not None:
        draw_confusion(result.heads, plot)
    print_result(result, as_json=as_json)
