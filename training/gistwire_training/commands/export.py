"""`gistwire-train export`: converts a trained summarizer to a folder that is served."""

from pathlib import Path

import click
import msgspec
from gistwire_models.summarizer_folder import SummarizerDescription

from gistwire_training.commands.output import json_option, print_result
from gistwire_training.export import export_summarizer, measure_parity
from gistwire_training.export.summarizer_export import Quantization
from gistwire_training.pairs import read_prepared
from gistwire_training.summarizer.copying_bart import read_copying_bart
from gistwire_training.summarizer.examples import validation_examples

_EPILOG = """\b
Examples:
  gistwire-train export runs/news/model --out model_repo/summarizer/2 --name news
  gistwire-train export runs/news/model --out /tmp/half --name news --quantization float16 --check data
"""


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was exported.

    Attributes:
        folder: where to.
        description: what the folder says about the model.
        megabytes: size of the weights, in 10^6 bytes.
        checked: articles summarized by checkpoint and export alike; 0 if none were given.
        equal_texts: share of them with the same text, in [0, 1].
        equal_tokens: mean share of the text, from its start, that is the same, in [0, 1].
    """

    folder: str
    description: SummarizerDescription
    megabytes: float
    checked: int = 0
    equal_texts: float = 0.0
    equal_tokens: float = 0.0


@click.command(epilog=_EPILOG)
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to be made.")
@click.option("--name", required=True, help="The model's name.")
@click.option(
    "--language", "languages", multiple=True, default=("en",), show_default=True, help="May be repeated."
)
@click.option(
    "--quantization", type=click.Choice(["int8", "float16", "float32"]), default="int8", show_default=True
)
@click.option("--max-source-tokens", type=click.IntRange(16, 510), default=200, show_default=True)
@click.option("--max-target-tokens", type=click.IntRange(8, 256), default=64, show_default=True)
@click.option(
    "--check",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of pairs: compare the export with the checkpoint on its validation split.",
)
@click.option("--check-size", default=50, show_default=True, help="Articles to compare on.")
@json_option
def export(
    *,
    model: Path,
    out: Path,
    name: str,
    languages: tuple[str, ...],
    quantization: Quantization,
    max_source_tokens: int,
    max_target_tokens: int,
    check: Path | None,
    check_size: int,
    as_json: bool,
) -> None:
    """Convert the trained summarizer in MODEL to CTranslate2, with its vocabulary map."""
    out.parent.mkdir(parents=True, exist_ok=True)
    description = export_summarizer(
        model,
        out,
        name=name,
        languages=languages,
        max_source_tokens=max_source_tokens,
        max_target_tokens=max_target_tokens,
        quantization=quantization,
    )
    report = ExportReport(
        folder=str(out), description=description, megabytes=(out / "model.bin").stat().st_size / 1e6
    )
    if check is not None:
        checkpoint = read_copying_bart(
            model, max_source_tokens=max_source_tokens, max_target_tokens=max_target_tokens
        )
        examples = validation_examples(read_prepared((check,), "validation"), check_size)
        parity = measure_parity(checkpoint, out, examples)
        report = msgspec.structs.replace(
            report, checked=parity.texts, equal_texts=parity.equal_texts, equal_tokens=parity.equal_tokens
        )
    print_result(report, as_json=as_json)
