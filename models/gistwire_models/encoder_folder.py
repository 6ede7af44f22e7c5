"""The folder of a converted text encoder: written by conversion.py, read by local_encoder.py."""

from pathlib import Path
from typing import Literal

import msgspec

from gistwire_models.model_folder import derive_version_of, read_description_of

# Part of every version: raise it when the same weights would be converted to something else.
_CONVERTER_VERSION = 1

Quantization = Literal["int8", "float32"]
"""Type in which the weights are stored: int8 with a scale for each row, or float32 as they came."""


class EncoderDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder says about the encoder in it.

    Attributes:
        name: the model's name.
        version: changes whenever the model's output may change.
        dimension: length of the vectors.
        max_tokens: longest input in tokens, with ``[CLS]`` and ``[SEP]``.
        pooling: how the vectors of the tokens become one: their mean.
    """

    name: str
    version: str
    dimension: int
    max_tokens: int
    pooling: Literal["mean"]


def read_description(folder: Path) -> EncoderDescription:
    """Reads what a folder says about its encoder.

    Raises:
        ModelNotFoundError: there is no converted encoder in `folder`.
        ModelFormatError: the description cannot be read.
    """
    return read_description_of(EncoderDescription, folder, model="encoder")


def derive_version(weights: Path, tokenizer: Path, quantization: Quantization) -> str:
    """Derives an encoder's version: a hash of its files, with the quantization and the converter's version.

    Reads both files whole: about 0.1 s for 90 MB.

    Raises:
        ModelNotFoundError: a file is missing.
    """
    return derive_version_of(
        (weights, tokenizer), quantization=quantization, converter_version=_CONVERTER_VERSION
    )
