"""A BERT of a few hundred random weights, and its forward pass in NumPy as the original paper defines it."""

import json
import math
from pathlib import Path

import numpy as np
from gistwire_models.encoder import Embedding
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

HIDDEN = 16
INNER = 32
HEADS = 2
LAYERS = 2
POSITIONS = 32
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "oil", "prices", "rise", "fall", "war", "talks"]

Weights = dict[str, NDArray[np.float32]]


def write_tiny_bert(folder: Path) -> Path:
    """Writes ``config.json``, ``tokenizer.json`` and ``model.safetensors``; returns the folder."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(tiny_config()), encoding="utf-8")
    _tokenizer().save(str(folder / "tokenizer.json"))
    save_file(tiny_weights(), str(folder / "model.safetensors"))
    return folder


def tiny_config() -> dict[str, object]:
    """The fields of ``config.json``."""
    return {
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "vocab_size": len(VOCABULARY),
        "layer_norm_eps": 1e-12,
        "position_embedding_type": "absolute",
    }


def tiny_weights() -> Weights:
    """The tensors by name, always the same."""
    random = np.random.default_rng(7)

    def tensor(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, 0.4, shape).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": tensor(len(VOCABULARY), HIDDEN),
        "embeddings.token_type_embeddings.weight": tensor(2, HIDDEN),
        "embeddings.position_embeddings.weight": tensor(POSITIONS, HIDDEN),
        "embeddings.LayerNorm.weight": tensor(HIDDEN) + 1,
        "embeddings.LayerNorm.bias": tensor(HIDDEN),
    }
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}"
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights[f"{prefix}.{norm}.weight"] = tensor(HIDDEN) + 1
            weights[f"{prefix}.{norm}.bias"] = tensor(HIDDEN)
        for name, rows, columns in (
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", INNER, HIDDEN),
            ("output.dense", HIDDEN, INNER),
        ):
            weights[f"{prefix}.{name}.weight"] = tensor(rows, columns)
            weights[f"{prefix}.{name}.bias"] = tensor(rows)
    return weights


def reference_embedding(words: list[str]) -> Embedding:
    """Embeds words of the vocabulary between ``[CLS]`` and ``[SEP]``: ``float32 [HIDDEN]``, unit length."""
    weights = tiny_weights()
    ids = [VOCABULARY.index(word) for word in ["[CLS]", *words, "[SEP]"]]
    hidden = (
        weights["embeddings.word_embeddings.weight"][ids]
        + weights["embeddings.position_embeddings.weight"][: len(ids)]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    hidden = _norm(hidden, weights, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}"
        attended = _linear(_attention(hidden, weights, prefix), weights, f"{prefix}.attention.output.dense")
        hidden = _norm(hidden + attended, weights, f"{prefix}.attention.output.LayerNorm")
        inner = _gelu(_linear(hidden, weights, f"{prefix}.intermediate.dense"))
        outer = _linear(inner, weights, f"{prefix}.output.dense")
        hidden = _norm(hidden + outer, weights, f"{prefix}.output.LayerNorm")
    mean: Embedding = hidden.mean(axis=0)
    unit: Embedding = mean / np.linalg.norm(mean)
    return unit


def _attention(hidden: Embedding, weights: Weights, prefix: str) -> Embedding:
    query, key, value = (
        np.split(_linear(hidden, weights, f"{prefix}.attention.self.{part}"), HEADS, axis=1)
        for part in ("query", "key", "value")
    )
    heads = []
    for head in range(HEADS):
        scores = query[head] @ key[head].T / math.sqrt(HIDDEN // HEADS)
        exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
        heads.append(exponents / exponents.sum(axis=1, keepdims=True) @ value[head])
    return np.concatenate(heads, axis=1)


def _linear(inputs: Embedding, weights: Weights, name: str) -> Embedding:
    outputs: Embedding = inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return outputs


def _norm(inputs: Embedding, weights: Weights, name: str) -> Embedding:
    centred = inputs - inputs.mean(axis=1, keepdims=True)
    normed: Embedding = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
    scaled: Embedding = normed * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return scaled


def _gelu(inputs: Embedding) -> Embedding:
    return np.vectorize(lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))), otypes=[np.float32])(inputs)


def _tokenizer() -> Tokenizer:
    ids = {token: place for place, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer
