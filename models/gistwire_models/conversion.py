"""Converts a BERT sentence encoder to a CTranslate2 folder, without torch; called once for each model."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from ctranslate2.specs import common_spec, transformer_spec
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from gistwire_models.encoder_folder import (
    EncoderDescription,
    Quantization,
    derive_version,
    read_description,
)
from gistwire_models.errors import GistwireModelError, ModelFormatError, ModelNotFoundError
from gistwire_models.model_folder import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE, write_description

_MAX_TOKENS = 256
"""Longest input, in tokens: the length all-MiniLM-L6-v2 is used at (its ``sentence_bert_config.json``)."""

_UNKNOWN = ("[UNK]", "<unk>")
"""Tokens for unknown words: of WordPiece, and of SentencePiece, which encoders of many languages use."""

_Weights = dict[str, NDArray[np.float32]]


class _Vocabulary(NamedTuple):
    """The tokens in the order of their ids, and which stands for unknown words."""

    tokens: list[str]
    unknown: str


class _BertConfig(msgspec.Struct, frozen=True):
    """The fields of a BERT ``config.json`` that decide how the network is computed."""

    model_type: Literal["bert"]
    hidden_act: Literal["gelu"]
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_hidden_layers: int
    max_position_embeddings: int
    type_vocab_size: int
    vocab_size: int
    layer_norm_eps: float = 1e-12
    position_embedding_type: Literal["absolute"] = "absolute"


def convert_encoder(
    source: Path, target: Path, *, name: str, quantization: Quantization = "int8"
) -> EncoderDescription:
    """Converts a sentence encoder of the BERT architecture, pooled by the mean, to a CTranslate2 folder.

    The folder appears whole or not at all. Where several processes make the same one at once, the first one's
    stays, and all succeed.

    Args:
        source: folder with ``model.safetensors``, ``config.json`` and ``tokenizer.json``.
        target: folder to be made.
        name: the model's name.
        quantization: type in which the weights are stored.

    Raises:
        ModelNotFoundError: a file is missing in `source`.
        ModelFormatError: `source` is no such encoder, or `target` exists and holds something else.
    """
    config = _read_config(source / CONFIG_FILE)
    version = derive_version(source / WEIGHTS_FILE, source / TOKENIZER_FILE, quantization)
    description = EncoderDescription(
        name=name,
        version=version,
        dimension=config.hidden_size,
        max_tokens=min(_MAX_TOKENS, config.max_position_embeddings),
        pooling="mean",
    )
    vocabulary = _read_vocabulary(source / TOKENIZER_FILE, config.vocab_size)
    weights = _read_weights(source / WEIGHTS_FILE, config)
    with _folder_made_at_once(target, description) as folder:
        _write_model(folder, config, weights, vocabulary, quantization)
        shutil.copyfile(source / TOKENIZER_FILE, folder / TOKENIZER_FILE)
        write_description(folder, description)
    return description


def _read_config(path: Path) -> _BertConfig:
    try:
        config = msgspec.json.decode(path.read_bytes(), type=_BertConfig)
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"{path} is missing") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelFormatError(f"{path} is not that of a BERT encoder we can convert: {error}") from error
    if config.num_attention_heads < 1 or config.hidden_size % config.num_attention_heads:
        raise ModelFormatError(f"{path}: hidden_size is no multiple of num_attention_heads")
    return config


def _read_vocabulary(path: Path, size: int) -> _Vocabulary:
    """Reads the tokens; encoders of many languages have more rows than tokens: named, and never looked up."""
    try:
        tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises Exception itself
        raise ModelFormatError(f"{path} cannot be read: {error}") from error
    ids: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    if len(ids) > size or sorted(ids.values()) != list(range(len(ids))):
        raise ModelFormatError(f"{path} has {len(ids)} tokens; config.json says {size}")
    tokens = sorted(ids, key=ids.__getitem__)
    unknown = next((token for token in _UNKNOWN if token in ids), None)
    if unknown is None:
        raise ModelFormatError(f"{path} has no token for unknown words: none of {', '.join(_UNKNOWN)}")
    return _Vocabulary([*tokens, *(f"<unused{place}>" for place in range(len(ids), size))], unknown)


def _read_weights(path: Path, config: _BertConfig) -> _Weights:
    """Returns the tensors by name, as float32."""
    weights: _Weights = {}
    try:
        with safe_open(str(path), framework="numpy") as file:
            names = set(file.keys())
            for name, shape in _expected_shapes(config):
                if name not in names:
                    raise ModelFormatError(f"{path} lacks the tensor {name}")
                found = tuple(file.get_slice(name).get_shape())
                if found != shape:
                    raise ModelFormatError(f"{path}: {name} has the shape {found}; config.json says {shape}")
                weights[name] = np.asarray(file.get_tensor(name), dtype=np.float32)
    except (SafetensorError, TypeError) as error:  # TypeError: a type unknown to NumPy, such as bfloat16
        raise ModelFormatError(f"{path} cannot be read: {error}") from error
    return weights


def _expected_shapes(config: _BertConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, inner = config.hidden_size, config.intermediate_size
    yield "embeddings.word_embeddings.weight", (config.vocab_size, hidden)
    yield "embeddings.token_type_embeddings.weight", (config.type_vocab_size, hidden)
    yield "embeddings.position_embeddings.weight", (config.max_position_embeddings, hidden)
    for parameter in ("weight", "bias"):
        yield f"embeddings.LayerNorm.{parameter}", (hidden,)
    for layer in range(config.num_hidden_layers):
        prefix = f"encoder.layer.{layer}"
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            for parameter in ("weight", "bias"):
                yield f"{prefix}.{norm}.{parameter}", (hidden,)
        for linear, rows, columns in (
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", inner, hidden),
            ("output.dense", hidden, inner),
        ):
            yield f"{prefix}.{linear}.weight", (rows, columns)
            yield f"{prefix}.{linear}.bias", (rows,)


def _write_model(
    folder: Path, config: _BertConfig, weights: _Weights, vocabulary: _Vocabulary, quantization: Quantization
) -> None:
    spec = _build_spec(config, weights)
    spec.register_vocabulary(vocabulary.tokens)
    spec.config.unk_token = vocabulary.unknown
    spec.config.layer_norm_epsilon = config.layer_norm_eps
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))


def _build_spec(config: _BertConfig, weights: _Weights) -> Any:
    encoder: Any = transformer_spec.TransformerEncoderSpec(
        config.num_hidden_layers,
        config.num_attention_heads,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = weights["embeddings.word_embeddings.weight"]
    encoder.embeddings[1].weight = weights["embeddings.token_type_embeddings.weight"]
    encoder.position_encodings.encodings = weights["embeddings.position_embeddings.weight"]
    _set_norm(encoder.layernorm_embedding, weights, "embeddings.LayerNorm")
    for index, layer in enumerate(encoder.layer):
        prefix = f"encoder.layer.{index}"
        attention = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
        _set_linear(layer.self_attention.linear[0], weights, *attention)
        _set_linear(layer.self_attention.linear[1], weights, f"{prefix}.attention.output.dense")
        _set_norm(layer.self_attention.layer_norm, weights, f"{prefix}.attention.output.LayerNorm")
        _set_linear(layer.ffn.linear_0, weights, f"{prefix}.intermediate.dense")
        _set_linear(layer.ffn.linear_1, weights, f"{prefix}.output.dense")
        _set_norm(layer.ffn.layer_norm, weights, f"{prefix}.output.LayerNorm")
    return transformer_spec.TransformerEncoderModelSpec(encoder, pooling_layer=False)


def _set_norm(spec: Any, weights: _Weights, name: str) -> None:
    spec.gamma = weights[f"{name}.weight"]
    spec.beta = weights[f"{name}.bias"]


def _set_linear(spec: Any, weights: _Weights, *names: str) -> None:
    # CTranslate2 computes query, key and value in one product, of their matrices one below the other.
    spec.weight = np.concatenate([weights[f"{name}.weight"] for name in names])
    spec.bias = np.concatenate([weights[f"{name}.bias"] for name in names])


@contextmanager
def _folder_made_at_once(target: Path, description: EncoderDescription) -> Iterator[Path]:
    """Gives a folder beside `target` to write into, which then takes the place of `target`."""
    folder = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    folder.mkdir(parents=True)
    try:
        yield folder
        try:
            os.rename(folder, target)
        except OSError as error:
            _check_is_the_same(target, description, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_is_the_same(target: Path, description: EncoderDescription, error: OSError) -> None:
    """Accepts that another process was first, if it wrote the same encoder."""
    try:
        found = read_description(target)
    except GistwireModelError:
        raise ModelFormatError(f"{target} cannot be made: {error}") from error
    if found != description:
        raise ModelFormatError(f"{target} exists and holds {found.name}@{found.version}") from error
