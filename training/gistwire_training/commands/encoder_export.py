"""`gistwire-train encoder-export`: converts a fine-tuned text encoder to a folder that is served."""

from pathlib import Path

import click
import msgspec
from gistwire_models.encoder_folder import EncoderDescription, Quantization

from gistwire_training.commands.output import json_option, print_result
from gistwire_training.encoder import export_encoder, measure_parity
from gistwire_training.pairs import read_prepared
from gistwire_training.registry import record_checksums

_EPILOG = """\b
Examples:
  gistwire-train encoder-export runs/encoder/model --out exported --name our-encoder
  gistwire-train encoder-export runs/encoder/model --out exported --name our-encoder --check data
"""


class EncoderExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was exported.

    Attributes:
        folder: where to.
        description: what the folder says about the encoder.
        megabytes: size of the weights, in 10^6 bytes.
        checked: bodies that checkpoint and export embedded; 0 if none were given.
        cosine: mean cosine between their embeddings of a body; 0 if none were given.
    """

    folder: str
    description: EncoderDescription
    megabytes: float
    checked: int = 0
    cosine: float = 0.0


@click.command(epilog=_EPILOG)
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to be made.")
@click.option("--name", required=True, help="The model's name.")
@click.option("--quantization", type=click.Choice(["int8", "float32"]), default="int8", show_default=True)
@click.option(
    "--check",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of pairs: compare the export with the checkpoint on its validation split.",
)
@click.option("--check-size", default=200, show_default=True, help="Bodies to compare on.")
@json_option
def encoder_export(
    *,
    model: Path,
    out: Path,
    name: str,
    quantization: Quantization,
    check: Path | None,
    check_size: int,
    as_json: bool,
) -> None:
    """Convert the fine-tuned encoder in MODEL to CTranslate2, with its checksums."""
    out.parent.mkdir(parents=True, exist_ok=True)
    description = export_encoder(model, out, name=name, quantization=quantization)
    record_checksums(out)
    report = EncoderExportReport(
        folder=str(out), description=description, megabytes=(out / "model.bin").stat().st_size / 1e6
    )
    if check is not None:
        bodies = [pair.body for pair in read_prepared((check,), "validation") if pair.body][:check_size]
        cosine = measure_parity(model, out, bodies)
        report = msgspec.structs.replace(report, checked=len(bodies), cosine=cosine)
    print_result(report, as_json=as_json)
