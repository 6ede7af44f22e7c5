"""What the folders of all models have in common: file names, a description, a version."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from gistwire_models.errors import ModelFormatError, ModelNotFoundError

TOKENIZER_FILE = "tokenizer.json"
DESCRIPTION_FILE = "gistwire.json"
"""What a converted model says about itself."""

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
"""Weights and configuration of a model that is not converted yet."""

_VERSION_NAME = re.compile(r"[1-9][0-9]*", re.ASCII)

Described = TypeVar("Described", bound=msgspec.Struct)


def read_description_of(kind: type[Described], folder: Path, *, model: str) -> Described:
    """Reads what a folder says about its model.

    Args:
        kind: type of the description.
        folder: the folder.
        model: what kind of model is looked for, for the error's text.

    Raises:
        ModelNotFoundError: there is no converted model in `folder`.
        ModelFormatError: the description cannot be read.
    """
    path = folder / DESCRIPTION_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelNotFoundError(f"no {model} in {folder}: {DESCRIPTION_FILE} is missing") from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelFormatError(f"{path} cannot be read: {error}") from error


def write_description(folder: Path, description: msgspec.Struct) -> None:
    """Writes what a folder says about its model."""
    (folder / DESCRIPTION_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(description)) + b"\n")


def derive_version_of(files: Sequence[Path], *, quantization: str, converter_version: int) -> str:
    """Derives a model's version: a hash of its files, with the quantization and the converter's version.

    Reads the files whole: about 0.1 s for 90 MB.

    Raises:
        ModelNotFoundError: a file is missing.
    """
    digest = hashlib.blake2b(digest_size=6)
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except FileNotFoundError as error:
            raise ModelNotFoundError(f"{path} is missing") from error
    return f"{digest.hexdigest()}-{quantization}-{converter_version}"


def version_numbers(model: Path) -> list[int]:
    """Returns the versions of a model in a repository, ascending: subfolders whose names are numbers from 1.

    Args:
        model: the model's folder in the repository, which need not exist.
    """
    folders = model.glob("[1-9]*")
    return sorted(int(each.name) for each in folders if _VERSION_NAME.fullmatch(each.name) and each.is_dir())
