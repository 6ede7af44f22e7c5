"""`gistwire-train evaluate`: compares summarizers with baselines on what people wrote."""

from pathlib import Path

import click
import msgspec

from gistwire_training.commands.held_out import held_out_pairs, sample_corpus_option
from gistwire_training.commands.output import json_option, progress
from gistwire_training.evaluation import (
    METRICS,
    Estimate,
    Evaluation,
    Metric,
    Task,
    open_default_encoder,
    select_pairs,
    standard_baselines,
    write_report,
)
from gistwire_training.evaluation import evaluate as evaluate_systems
from gistwire_training.evaluation.display import format_interval, format_value, source_name
from gistwire_training.pairs import Split
from gistwire_training.systems import GeneratedSystem, ServedSystem

_EPILOG = """\b
Examples:
  gistwire-train evaluate data --model model_repo/summarizer/1 --report report
  gistwire-train evaluate data --task headline --before runs/start --model runs/tuned --report report
"""

_PRINTED = tuple(
    metric
    for metric in METRICS
    if metric.name in {"rouge1", "rouge2", "rouge_l", "supported_items", "length"}
)
"""What people read in a terminal; the report and the JSON have all."""


@click.command(epilog=_EPILOG)
@click.argument("data", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--model",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the exported summarizer.",
)
@click.option(
    "--before",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the exported summarizer that training began with, for the same table.",
)
@click.option("--task", type=click.Choice(["summary", "headline"]), default="summary", show_default=True)
@click.option("--split", type=click.Choice(["validation", "test"]), default="test", show_default=True)
@sample_corpus_option
@click.option("--per-source", default=300, show_default=True, help="Pairs of each source at most.")
@click.option("--report", type=click.Path(file_okay=False, path_type=Path), help="Folder for the report.")
@json_option
def evaluate(
    *,
    data: tuple[Path, ...],
    model: Path,
    before: Path | None,
    task: Task,
    split: Split,
    sample_corpus: bool,
    per_source: int,
    report: Path | None,
    as_json: bool,
) -> None:
    """Compare a summarizer with headline, lead, TextRank and MMR extract on the pairs in DATA.

    Task "summary": from headline and body, what a person wrote as the summary. Task "headline": from the body alone,
    the headline, which no system sees.
    """
    pairs = held_out_pairs(data, split, sample_corpus=sample_corpus)
    chosen = select_pairs(pairs, task, per_source=per_source, split=None)
    systems = [GeneratedSystem(before, name="before")] if before is not None else []
    systems.append(GeneratedSystem(model))
    served = ServedSystem(model, open_default_encoder)
    with progress() as tell:
        evaluation = evaluate_systems(
            [*systems, served], chosen, task, baselines=standard_baselines(task), progress=tell
        )
    if report is not None:
        write_report(evaluation, report)
    _print(evaluation, as_json=as_json)


def _print(evaluation: Evaluation, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(evaluation.sources).decode())
        return
    for source in evaluation.sources:
        click.echo(
            f"\n{source_name(source.source)}: {source.pairs} articles, task {evaluation.task}, 95 % intervals"
        )
        click.echo(f"{'':<20}" + "".join(f"{metric.label:>20}" for metric in _PRINTED))
        for system in source.systems:
            cells = (_cell(metric, system.figures[metric.name].estimate) for metric in _PRINTED)
            click.echo(f"{system.system:<20}" + "".join(f"{cell:>20}" for cell in cells))


def _cell(metric: Metric, estimate: Estimate) -> str:
    return f"{format_value(metric, estimate.value)} ({format_interval(metric, estimate)})"
