"""A BERT of random weights that fits into a few kilobytes, and what it computes, by the formulas in NumPy."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

Weights = dict[str, NDArray[np.float32]]

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "harbour", "strike", "ferry", "storm", "rises", "falls"]
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "max_position_embeddings": 8,
    "type_vocab_size": 2,
    "vocab_size": len(VOCABULARY),
    "layer_norm_eps": 1e-12,
}

_gelu = np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))), otypes=[np.float64])


def write_tiny_bert(folder: Path, *, seed: int = 1) -> Weights:
    """Writes the three files that a conversion reads, and returns the tensors."""
    folder.mkdir()
    weights = _random_weights(np.random.default_rng(seed))
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    tokenizer: Tokenizer = Tokenizer(
        WordLevel({word: place for place, word in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return weights


def embed(weights: Weights, words: list[str]) -> NDArray[np.float64]:
    """The unit mean of the last hidden states of ``[CLS]``, the words and ``[SEP]`` (Devlin et al. 2019)."""
    ids = [VOCABULARY.index(word) for word in ["[CLS]", *words, "[SEP]"]]
    hidden = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    hidden += weights["embeddings.token_type_embeddings.weight"][0]
    hidden += weights["embeddings.position_embeddings.weight"][: len(ids)]
    hidden = _norm(hidden, weights, "embeddings.LayerNorm")
    for layer in range(CONFIG["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}"
        attended = _linear(_attend(hidden, weights, prefix), weights, f"{prefix}.attention.output.dense")
        hidden = _norm(hidden + attended, weights, f"{prefix}.attention.output.LayerNorm")
        inner = _gelu(_linear(hidden, weights, f"{prefix}.intermediate.dense"))
        hidden = _norm(
            hidden + _linear(inner, weights, f"{prefix}.output.dense"), weights, f"{prefix}.output.LayerNorm"
        )
    mean: NDArray[np.float64] = hidden.mean(axis=0)
    return mean / np.linalg.norm(mean)


def _random_weights(random: np.random.Generator) -> Weights:
    hidden, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (CONFIG["vocab_size"], hidden),
        "embeddings.token_type_embeddings.weight": (CONFIG["type_vocab_size"], hidden),
        "embeddings.position_embeddings.weight": (CONFIG["max_position_embeddings"], hidden),
    }
    linears = {}
    norms = ["embeddings.LayerNorm"]
    for layer in range(CONFIG["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}"
        norms += [f"{prefix}.attention.output.LayerNorm", f"{prefix}.output.LayerNorm"]
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linears[f"{prefix}.attention.{part}"] = (hidden, hidden)
        linears[f"{prefix}.intermediate.dense"] = (inner, hidden)
        linears[f"{prefix}.output.dense"] = (hidden, inner)
    for name, (rows, columns) in linears.items():
        shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
    for name in norms:
        shapes |= {f"{name}.weight": (hidden,), f"{name}.bias": (hidden,)}
    return {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def _attend(hidden: NDArray[np.float64], weights: Weights, prefix: str) -> NDArray[np.float64]:
    heads = CONFIG["num_attention_heads"]
    query, key, value = (
        np.split(_linear(hidden, weights, f"{prefix}.attention.self.{part}"), heads, axis=1)
        for part in ("query", "key", "value")
    )
    attended = []
    for head in range(heads):
        scores = np.exp(query[head] @ key[head].T / math.sqrt(hidden.shape[1] / heads))
        attended.append(scores / scores.sum(axis=1, keepdims=True) @ value[head])
    return np.concatenate(attended, axis=1)


def _linear(values: NDArray[np.float64], weights: Weights, name: str) -> NDArray[np.float64]:
    result: NDArray[np.float64] = values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return result


def _norm(values: NDArray[np.float64], weights: Weights, name: str) -> NDArray[np.float64]:
    centred = values - values.mean(axis=1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + CONFIG["layer_norm_eps"])
    result: NDArray[np.float64] = centred / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return result
