"""Converts a trained summarizer to a CTranslate2 folder with a vocabulary map; reached by `gistwire-train export`."""

import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any, Literal

import msgspec
from ctranslate2.converters import TransformersConverter
from gistwire_models.errors import ModelNotFoundError
from gistwire_models.model_folder import (
    CONFIG_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    derive_version_of,
    write_description,
)
from gistwire_models.summarizer_folder import (
    VOCABULARY_MAP_FILE,
    SummarizerDescription,
)
from gistwire_models.summarizer_source import END_TOKEN, START_TOKEN, UNKNOWN_TOKEN
from tokenizers import Tokenizer

from gistwire_training.errors import CheckpointError
from gistwire_training.summarizer.copying_bart import always_allowed_tokens

Quantization = Literal["int8", "float16", "float32"]

_EPSILON = 1e-5
"""What BART's layer norms add to a variance."""

# BART's norms stand after each part; the converter reads that from these fields, which newer configurations lack.
_NORMS = {"normalize_before": False, "normalize_embedding": True, "add_final_layer_norm": False}

# Part of every version: raise it when the same weights would be converted to something else.
_EXPORT_VERSION = 1


def export_summarizer(
    model: Path,
    target: Path,
    *,
    name: str,
    languages: tuple[str, ...],
    max_source_tokens: int,
    max_target_tokens: int,
    quantization: Quantization = "int8",
) -> SummarizerDescription:
    """Writes a folder that `gistwire_models.local_summarizer` serves; it appears whole or not at all.

    Args:
        model: Hugging Face folder of a copying BART.
        target: folder to be made; must not exist.
        name: the model's name.
        languages: ISO 639-1 codes of the languages it was trained on.
        max_source_tokens: longest source.
        max_target_tokens: longest text.
        quantization: type in which the weights are stored.

    Raises:
        CheckpointError: `model` is no such folder, or `target` exists.
    """
    if target.exists():
        raise CheckpointError(f"{target} exists")
    description = SummarizerDescription(
        name=name,
        version=_version(model, quantization),
        languages=languages,
        max_source_tokens=max_source_tokens,
        max_target_tokens=max_target_tokens,
    )
    folder = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        _convert(model, folder, quantization)
        shutil.copyfile(model / TOKENIZER_FILE, folder / TOKENIZER_FILE)
        _write_vocabulary_map(folder)
        write_description(folder, description)
        os.rename(folder, target)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{model} cannot be exported: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return description


def _version(model: Path, quantization: Quantization) -> str:
    try:
        return derive_version_of(
            (model / WEIGHTS_FILE, model / TOKENIZER_FILE),
            quantization=quantization,
            converter_version=_EXPORT_VERSION,
        )
    except ModelNotFoundError as error:
        raise CheckpointError(str(error)) from error


def _convert(model: Path, folder: Path, quantization: Quantization) -> None:
    with tempfile.TemporaryDirectory() as staging_name:
        staging = Path(staging_name)
        shutil.copyfile(model / WEIGHTS_FILE, staging / WEIGHTS_FILE)
        shutil.copyfile(model / TOKENIZER_FILE, staging / TOKENIZER_FILE)
        config: dict[str, Any] = msgspec.json.decode((model / CONFIG_FILE).read_bytes())
        (staging / CONFIG_FILE).write_bytes(msgspec.json.encode(config | _NORMS))
        marks = {
            "unk_token": UNKNOWN_TOKEN,
            "bos_token": START_TOKEN,
            "eos_token": END_TOKEN,
            "pad_token": "[PAD]",
        }
        (staging / "tokenizer_config.json").write_bytes(
            msgspec.json.encode({"tokenizer_class": "PreTrainedTokenizerFast", **marks})
        )
        TransformersConverter(str(staging), low_cpu_mem_usage=True).convert(
            str(folder), quantization=quantization
        )
    path = folder / CONFIG_FILE
    converted: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    converted |= {"bos_token": START_TOKEN, "eos_token": END_TOKEN, "layer_norm_epsilon": _EPSILON}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(converted)) + b"\n")


def _write_vocabulary_map(folder: Path) -> None:
    """Writes which tokens may be written: some always, and each token of the source for itself."""
    tokenizer: Tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    always = [tokenizer.id_to_token(token) for token in always_allowed_tokens(tokenizer)]
    ids: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    unwritten = {"[PAD]", START_TOKEN, UNKNOWN_TOKEN}
    with (folder / VOCABULARY_MAP_FILE).open("w", encoding="utf-8") as lines:
        lines.write("\t" + " ".join(str(token) for token in always) + "\n")
        lines.writelines(
            f"{token}\t{token}\n" for token in sorted(ids, key=ids.__getitem__) if token not in unwritten
        )
