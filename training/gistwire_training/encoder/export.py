"""Writes a fine-tuned encoder as a Hugging Face folder, and converts it to the folder that Gistwire serves."""

import asyncio
import shutil
from collections.abc import Sequence
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


def measure_parity(folder: Path, exported: Path, texts: Sequence[str]) -> float:
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
    served = embed_exported(exported, texts)
    trained = SentenceEncoder.load(folder).embed(texts, max_tokens=read_description(exported).max_tokens)
    return float((served * trained).sum(axis=1).mean())


def embed_exported(folder: Path, texts: Sequence[str]) -> Embedding:
    """Embeds texts as they are when they are served: ``float32 [texts, dimension]``. Starts an event loop.

    Raises:
        ModelNotFoundError: there is no converted encoder in `folder`.
        ModelFormatError: its files cannot be used.
    """
    encoder = LocalEncoder.load(folder)

    async def embed() -> Embedding:
        try:
            return await encoder.encode(texts)
        finally:
            await encoder.close()

    return asyncio.run(embed())
