"""Builds a BART encoder–decoder out of a BERT encoder, so that training starts from what the encoder knows."""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from transformers import AutoModel, BartConfig, BartForConditionalGeneration, BertModel
from transformers.models.bart.modeling_bart import BartAttention, BartDecoderLayer, BartEncoderLayer
from transformers.models.bert.modeling_bert import BertLayer

from gistwire_training.errors import CheckpointError, RecipeError

PAD, START, END = 0, 101, 102
"""Ids of [PAD], [CLS] and [SEP] in BERT's vocabulary; the last two begin and end a target."""

_POSITION_OFFSET = 2
"""BART's position embeddings begin with two rows that are never used."""


def bart_from_bert(folder: Path, *, decoder_layers: int, dropout: float) -> BartForConditionalGeneration:
    """Returns a BART model whose encoder computes what the BERT encoder in `folder` does.

    Each decoder layer takes its self-attention and its feed-forward part from the encoder's last layers, and its
    cross-attention from their self-attention (Rothe et al. 2020, "Leveraging Pre-trained Checkpoints"). Encoder,
    decoder and output projection share the word embeddings.

    Args:
        folder: a Hugging Face folder of a BERT model, safetensors.
        decoder_layers: from 1 to the encoder's number of layers.
        dropout: share of activations dropped in training.

    Raises:
        CheckpointError: `folder` holds no BERT model.
        RecipeError: there are too many decoder layers.
    """
    bert = _read_bert(folder)
    config = bert.config
    if not 1 <= decoder_layers <= config.num_hidden_layers:
        raise RecipeError(
            f"decoder_layers must be from 1 to {config.num_hidden_layers}, not {decoder_layers}"
        )
    bart = BartForConditionalGeneration(
        BartConfig(
            vocab_size=config.vocab_size,
            max_position_embeddings=config.max_position_embeddings,
            d_model=config.hidden_size,
            encoder_layers=config.num_hidden_layers,
            decoder_layers=decoder_layers,
            encoder_attention_heads=config.num_attention_heads,
            decoder_attention_heads=config.num_attention_heads,
            encoder_ffn_dim=config.intermediate_size,
            decoder_ffn_dim=config.intermediate_size,
            activation_function=config.hidden_act,
            dropout=dropout,
            scale_embedding=False,
            pad_token_id=PAD,
            bos_token_id=START,
            eos_token_id=END,
            decoder_start_token_id=START,
            forced_eos_token_id=None,
        )
    )
    # A tenth faster than the fused kernel, for short sequences on a CPU.
    bart.set_attn_implementation("eager")
    with torch.no_grad():
        _copy_embeddings(bert, bart)
        for index, layer in enumerate(bart.model.encoder.layers):
            _copy_encoder_layer(_layer(bert, index), cast("BartEncoderLayer", layer))
        first = config.num_hidden_layers - decoder_layers
        for index, layer in enumerate(bart.model.decoder.layers):
            _copy_decoder_layer(_layer(bert, first + index), cast("BartDecoderLayer", layer))
    return bart


def _read_bert(folder: Path) -> BertModel:
    try:
        model = AutoModel.from_pretrained(
            folder, add_pooling_layer=False, use_safetensors=True, local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder} holds no BERT model in safetensors: {error}") from error
    if not isinstance(model, BertModel):
        raise CheckpointError(f"{folder} holds a {type(model).__name__}, no BERT model")
    return model


def _layer(bert: BertModel, index: int) -> BertLayer:
    return cast("BertLayer", bert.encoder.layer[index])


def _copy_embeddings(bert: BertModel, bart: BartForConditionalGeneration) -> None:
    words = bert.embeddings.word_embeddings.weight
    # BART knows no token types: the first type's row goes into every position.
    positions = bert.embeddings.position_embeddings.weight + bert.embeddings.token_type_embeddings.weight[0]
    cast("Tensor", bart.model.shared.weight).copy_(words)
    for stack in (bart.model.encoder, bart.model.decoder):
        stack.embed_positions.weight[_POSITION_OFFSET:].copy_(positions)
        stack.layernorm_embedding.load_state_dict(bert.embeddings.LayerNorm.state_dict())
    # The norm's small number differs (1e-12 and 1e-5); against a variance near 1 neither counts.


def _copy_attention(source: BertLayer, target: BartAttention) -> None:
    target.q_proj.load_state_dict(source.attention.self.query.state_dict())
    target.k_proj.load_state_dict(source.attention.self.key.state_dict())
    target.v_proj.load_state_dict(source.attention.self.value.state_dict())
    target.out_proj.load_state_dict(source.attention.output.dense.state_dict())


def _copy_feed_forward(source: BertLayer, target: BartEncoderLayer | BartDecoderLayer) -> None:
    target.fc1.load_state_dict(source.intermediate.dense.state_dict())
    target.fc2.load_state_dict(source.output.dense.state_dict())
    target.self_attn_layer_norm.load_state_dict(source.attention.output.LayerNorm.state_dict())
    target.final_layer_norm.load_state_dict(source.output.LayerNorm.state_dict())


def _copy_encoder_layer(source: BertLayer, target: BartEncoderLayer) -> None:
    _copy_attention(source, target.self_attn)
    _copy_feed_forward(source, target)


def _copy_decoder_layer(source: BertLayer, target: BartDecoderLayer) -> None:
    _copy_attention(source, target.self_attn)
    _copy_attention(source, target.encoder_attn)
    _copy_feed_forward(source, target)
    target.encoder_attn_layer_norm.load_state_dict(source.attention.output.LayerNorm.state_dict())
