"""`gistwire-train promote`: has an exported summarizer served, if it is good enough."""

from pathlib import Path

import click

from gistwire_training.commands.held_out import held_out_pairs, sample_corpus_option
from gistwire_training.commands.output import json_option, print_result, progress
from gistwire_training.commands.recipes import gate_option, read_recipe
from gistwire_training.commands.repository import repository_option
from gistwire_training.registry import Gate, ServedMeasurement, promote_summarizer, served_version

_EPILOG = """\b
Examples:
  gistwire-train promote exported data
  gistwire-train promote exported data --gate max_latency_ratio=1.5 --reason "longer summaries"
"""


@click.command(epilog=_EPILOG)
@click.argument("candidate", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("data", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@repository_option
@sample_corpus_option
@gate_option
@click.option(
    "--reason", default="passed the gate", show_default=True, help="What the history says about it."
)
@json_option
def promote(
    *,
    candidate: Path,
    data: tuple[Path, ...],
    repository: Path,
    sample_corpus: bool,
    gates: tuple[str, ...],
    reason: str,
    as_json: bool,
) -> None:
    """Measure CANDIDATE, an exported summarizer, beside the one that is served, on the test pairs in DATA.

    If it passes the gate (quality, faithfulness, time, size), it becomes the next version in the repository and is
    served from the next start of a server on. If not, nothing changes, and the command fails with the reasons.
    """
    gate = read_recipe(Gate, None, gates)
    if served_version(repository, "summarizer") is None:
        click.echo(f"nothing is served in {repository} yet: the absolute limits alone decide", err=True)
    pairs = held_out_pairs(data, "test", sample_corpus=sample_corpus)
    with progress() as report:
        measure = ServedMeasurement(on_progress=report)
        version, verdict = promote_summarizer(
            repository, candidate, pairs, measure=measure, gate=gate, reason=reason
        )
    print_result({"version": version, "checks": [check.detail for check in verdict.checks]}, as_json=as_json)
