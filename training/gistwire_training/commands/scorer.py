"""`gistwire-train scorer`: fits the scorer that chooses among candidates of a summarizer."""

from pathlib import Path

import click
from gistwire_models.shipped import default_encoder_folder

from gistwire_training.commands.output import json_option, print_result, progress
from gistwire_training.evaluation.tasks import is_usable
from gistwire_training.pairs import SPLITS, read_prepared
from gistwire_training.sample_pairs import sample_pairs
from gistwire_training.scorer import fit_scorer

_EPILOG = """\b
Examples:
  gistwire-train scorer written --model model_repo/summarizer/1 --run runs/scorer --out weights.json
  gistwire-train scorer written --model model_repo/summarizer/1 --run runs/scorer --out weights.json --sample-corpus
"""


@click.command(epilog=_EPILOG)
@click.argument(
    "data", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--model",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the exported summarizer whose candidates are chosen among.",
)
@click.option(
    "--encoder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the converted encoder that the server runs; without it, the default one.",
)
@click.option(
    "--run",
    "run_folder",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for the candidates and the report; a run that was killed goes on there.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of weights to be made.",
)
@click.option(
    "--sample-corpus",
    is_flag=True,
    help="Report also on the sample corpus, with the summaries written for it; nothing is fitted on it.",
)
@json_option
def scorer(
    *,
    data: tuple[Path, ...],
    model: Path,
    encoder: Path | None,
    run_folder: Path,
    out: Path,
    sample_corpus: bool,
    as_json: bool,
) -> None:
    """Fit the scorer on the pairs in DATA that have summaries written by people.

    It is fitted on the training split, and reported on with the others.
    """
    pairs = [pair for split in SPLITS for pair in read_prepared(data, split) if is_usable(pair, "summary")]
    # Now, rather than after all candidates are written.
    out.parent.mkdir(parents=True, exist_ok=True)
    with progress() as report:
        result = fit_scorer(
            pairs,
            model,
            out,
            run=run_folder,
            encoder_folder=encoder or default_encoder_folder(),
            test_pairs=sample_pairs("en") if sample_corpus else (),
            on_progress=lambda done, total: report("writing candidates", done, total),
        )
    print_result(result, as_json=as_json)
