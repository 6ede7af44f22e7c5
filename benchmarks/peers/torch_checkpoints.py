"""Writes the shipped models as folders that transformers and sentence-transformers load, for the peers.

The repository keeps the weights as CTranslate2 serves them. The peers run on torch, in float32, and get the same
numbers.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gistwire_models.model_folder import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from gistwire_models.summarizer_folder import read_summarizer_description
from gistwire_models.summarizer_source import NO_REPEAT_NGRAM, SUMMARY_TASK
from safetensors.numpy import save_file

from benchmarks.peers.converted_weights import Weights, read_converted_weights

CHECKPOINT_VERSION = 1
"""Raise it when the same weights would be written otherwise."""

_PAD, _START, _END = 0, 101, 102
"""Ids of ``[PAD]``, ``[CLS]`` and ``[SEP]`` in BERT's uncased vocabulary."""

_BART_UNUSED_POSITIONS = 2
"""Rows before the first position in transformers' BART, which CTranslate2 leaves out."""

_TOKENIZER = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "[CLS]",
    "cls_token": "[CLS]",
    "eos_token": "[SEP]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
}


def write_torch_encoder(source: Path, target: Path) -> None:
    """Writes the text encoder for sentence-transformers: BERT, mean of the tokens' vectors, unit length.

    Args:
        source: folder that CTranslate2 serves.
        target: folder that is made.
    """
    stored = read_converted_weights(source / "model.bin")
    target.mkdir()
    weights = {
        "embeddings.word_embeddings.weight": stored["encoder/embeddings_0/weight"],
        "embeddings.token_type_embeddings.weight": stored["encoder/embeddings_1/weight"],
        "embeddings.position_embeddings.weight": stored["encoder/position_encodings/encodings"],
        **_norm("embeddings.LayerNorm", stored, "encoder/layernorm_embedding"),
    }
    layers = _layers(stored, "encoder")
    for place in range(layers):
        name, at = f"encoder.layer.{place}", f"encoder/layer_{place}"
        weights |= {
            **_linears(
                [f"{name}.attention.self.{part}" for part in ("query", "key", "value")],
                stored,
                f"{at}/self_attention/linear_0",
            ),
            **_linears([f"{name}.attention.output.dense"], stored, f"{at}/self_attention/linear_1"),
            **_norm(f"{name}.attention.output.LayerNorm", stored, f"{at}/self_attention/layer_norm"),
            **_linears([f"{name}.intermediate.dense"], stored, f"{at}/ffn/linear_0"),
            **_linears([f"{name}.output.dense"], stored, f"{at}/ffn/linear_1"),
            **_norm(f"{name}.output.LayerNorm", stored, f"{at}/ffn/layer_norm"),
        }
    described = json.loads((source / "gistwire.json").read_text())
    vocabulary, hidden = weights["embeddings.word_embeddings.weight"].shape
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": hidden,
        "intermediate_size": weights["encoder.layer.0.intermediate.dense.weight"].shape[0],
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": len(weights["embeddings.position_embeddings.weight"]),
        "num_attention_heads": int(stored["encoder/num_heads"]),
        "num_hidden_layers": layers,
        "pad_token_id": _PAD,
        "type_vocab_size": 2,
        "vocab_size": vocabulary,
    }
    _write_folder(source, target, weights, config, max_tokens=described["max_tokens"])
    _write_json(
        target / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
    )
    _write_json(
        target / "sentence_bert_config.json",
        {"max_seq_length": described["max_tokens"], "do_lower_case": False},
    )
    (target / "1_Pooling").mkdir()
    (target / "2_Normalize").mkdir()
    _write_json(
        target / "1_Pooling" / CONFIG_FILE,
        {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True},
    )


def write_torch_summarizer(source: Path, target: Path) -> None:
    """Writes the summarizer for transformers: BART, with how it is asked to write in its ``generation_config.json``.

    A source is ``summary HEADLINE [SEP] BODY``. That only the source's words may be written is CTranslate2's option;
    here any word may be, and most texts come out the same.

    Args:
        source: folder that CTranslate2 serves.
        target: folder that is made.
    """
    stored = read_converted_weights(source / "model.bin")
    description = read_summarizer_description(source)
    target.mkdir()
    weights = {"model.shared.weight": stored["decoder/embeddings/weight"]}
    for side in ("encoder", "decoder"):
        positions = stored[f"{side}/position_encodings/encodings"]
        unused = np.zeros((_BART_UNUSED_POSITIONS, positions.shape[1]), dtype=np.float32)
        weights[f"model.{side}.embed_positions.weight"] = np.concatenate([unused, positions])
        weights |= _norm(f"model.{side}.layernorm_embedding", stored, f"{side}/layernorm_embedding")
        for place in range(_layers(stored, side)):
            weights |= _bart_layer(stored, side, place)
    size, hidden = weights["model.shared.weight"].shape
    heads, inner = int(stored["encoder/num_heads"]), len(weights["model.encoder.layers.0.fc1.bias"])
    config = {
        "architectures": ["BartForConditionalGeneration"],
        "model_type": "bart",
        "activation_function": "gelu",
        "d_model": hidden,
        "decoder_attention_heads": heads,
        "decoder_ffn_dim": inner,
        "decoder_layers": _layers(stored, "decoder"),
        "encoder_attention_heads": heads,
        "encoder_ffn_dim": inner,
        "encoder_layers": _layers(stored, "encoder"),
        "is_encoder_decoder": True,
        "max_position_embeddings": len(stored["encoder/position_encodings/encodings"]),
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "vocab_size": size,
        # What txtai reads its settings from; its own are four beams.
        "task_specific_params": {
            "summarization": {"min_length": 6, "num_beams": 1, "prefix": f"{SUMMARY_TASK} "}
        },
        **_MARKS,
    }
    _write_folder(source, target, weights, config, max_tokens=description.max_source_tokens)
    _write_json(target / "generation_config.json", {**_MARKS, "no_repeat_ngram_size": NO_REPEAT_NGRAM})


_MARKS = {
    "bos_token_id": _START,
    "decoder_start_token_id": _START,
    "eos_token_id": _END,
    "forced_eos_token_id": None,
    "pad_token_id": _PAD,
}


def _bart_layer(stored: Weights, side: str, place: int) -> Weights:
    name, at = f"model.{side}.layers.{place}", f"{side}/layer_{place}"
    query, key, value = (f"{name}.self_attn.{part}_proj" for part in "qkv")
    weights = {
        **_linears([query, key, value], stored, f"{at}/self_attention/linear_0"),
        **_linears([f"{name}.self_attn.out_proj"], stored, f"{at}/self_attention/linear_1"),
        **_norm(f"{name}.self_attn_layer_norm", stored, f"{at}/self_attention/layer_norm"),
        **_linears([f"{name}.fc1"], stored, f"{at}/ffn/linear_0"),
        **_linears([f"{name}.fc2"], stored, f"{at}/ffn/linear_1"),
        **_norm(f"{name}.final_layer_norm", stored, f"{at}/ffn/layer_norm"),
    }
    if side == "decoder":
        cross = f"{name}.encoder_attn"
        weights |= {
            **_linears([f"{cross}.q_proj"], stored, f"{at}/attention/linear_0"),
            **_linears([f"{cross}.k_proj", f"{cross}.v_proj"], stored, f"{at}/attention/linear_1"),
            **_linears([f"{cross}.out_proj"], stored, f"{at}/attention/linear_2"),
            **_norm(f"{name}.encoder_attn_layer_norm", stored, f"{at}/attention/layer_norm"),
        }
    return weights


def _linears(names: Sequence[str], stored: Weights, at: str) -> Weights:
    """Takes apart what CTranslate2 has put one below the other, to compute it in one product."""
    matrices = np.split(stored[f"{at}/weight"], len(names))
    biases = np.split(stored[f"{at}/bias"], len(names))
    weights = {f"{name}.weight": matrix for name, matrix in zip(names, matrices, strict=True)}
    return weights | {f"{name}.bias": bias for name, bias in zip(names, biases, strict=True)}


def _norm(name: str, stored: Weights, at: str) -> Weights:
    return {f"{name}.weight": stored[f"{at}/gamma"], f"{name}.bias": stored[f"{at}/beta"]}


def _layers(stored: Weights, side: str) -> int:
    return sum(name.startswith(f"{side}/layer_") and name.endswith("/ffn/linear_0/bias") for name in stored)


def _write_folder(
    source: Path, target: Path, weights: Weights, config: dict[str, Any], *, max_tokens: int
) -> None:
    contiguous = {name: np.ascontiguousarray(values) for name, values in weights.items()}
    save_file(contiguous, target / WEIGHTS_FILE, metadata={"format": "pt"})
    _write_json(target / CONFIG_FILE, config)
    tokenizer = json.loads((source / TOKENIZER_FILE).read_text(encoding="utf-8"))
    # Padding to 128 tokens, which the file asks for, would cost the peers time; transformers sets both itself.
    _write_json(target / TOKENIZER_FILE, tokenizer | {"padding": None, "truncation": None})
    _write_json(target / "tokenizer_config.json", {**_TOKENIZER, "model_max_length": max_tokens})


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
