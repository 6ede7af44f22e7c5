"""Writes a fine-tuned encoder as a Hugging Face folder, and converts it to the folder that Gistwire serves."""

import asyncio
import shutil
from pathlib import Path

from gistwire_models.conversion import convert_encoder
from gistwire_models.encoder import Embedding
from gistwire_models.encoder_folder import EncoderDescription, Quantization, read_description
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.model_folder import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from safetensors.torch import save_file

from gistwire_training.encoder.network import SentenceEncoder
from gistwire_training.whole_folder import written_whole


def write_encoder(encoder: SentenceEncoder, folder: Path) -> None:
    """Writes the three files of an encoder; they replace those that stand there, all or none."""
    with written_whole(folder) as partial:
        # The format that transformers writes, and asks for when it reads.
        save_file(encoder.weights(), partial / WEIGHTS_FILE, metadata={"format": "pt"})
        for name in (CONFIG_FILE, TOKENIZER_FILE):
            shutil.copyfile(encoder.folder / name, partial / name)


def export_encoder(
    folder: Path, target: Path, *, name: str, quantization: Quantization = "int8"
) -> EncoderDescription:
    """Converts a folder that `write_encoder` wrote to a CTranslate2 folder, for `LocalEncoder` and Triton.

    Raises:
        ModelNotFoundError: a file is missing in `folder`.
        ModelFormatError: `folder` is no such encoder, or `target` exists and holds something else.
    """
    return convert_encoder(folder, target, name=name, quantization=quantization)


def measure_parity(folder: Path, exported: Path, texts: list[str]) -> float:
    """Returns the mean cosine between what an encoder and its export make of the same texts. Starts an event loop.

    Args:
        folder: as `write_encoder` wrote it.
        exported: as `export_encoder` wrote it.
        texts: one or more.

    Raises:
        CheckpointError: `folder` cannot be used.
        ModelNotFoundError: there is no converted encoder in `exported`.
        ModelFormatError: its files cannot be used.
    """
    local = LocalEncoder.load(exported, threads=1)

    async def embed_locally() -> Embedding:
        try:
            return await local.encode(texts)
        finally:
            await local.close()

    ours = asyncio.run(embed_locally())
    torchs = SentenceEncoder.load(folder).embed(texts, max_tokens=read_description(exported).max_tokens)
    return float((ours * torchs).sum(axis=1).mean())
