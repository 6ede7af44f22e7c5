"""Gives a warm-started BART decoder a path that copies from its source, so that training starts from copying.

A decoder that has never attended to its source needs some hundred thousand samples before copying emerges. Here the
two things that copying needs are taught directly. First the encoder's upper layers learn to tell, at each position,
the token there and the one before it (two linear probes; minutes, as no decoder runs). Then the probes become the
cross-attention of the decoder's last layer: it looks for positions whose *previous* token is the one just written,
and writes the token there. This is the induction head of Olsson et al. 2022, made by hand; all else starts as
identity.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BartForConditionalGeneration
from transformers.models.bart.modeling_bart import BartDecoderLayer

_PROBE_SCALE = 12.0
"""Sharpness of the probes' softmax: dot products of unit vectors lie in [-1, 1]."""


class CopyProbes(nn.Module):
    """Reads the token at a position, and the one before it, off the encoder's states."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.current = nn.Linear(dimension, dimension)
        self.previous = nn.Linear(dimension, dimension)


def probe_loss(
    model: BartForConditionalGeneration, probes: CopyProbes, tokens: Tensor, mask: Tensor
) -> tuple[Tensor, float]:
    """Returns the cross-entropy of both probes, and the share of previous tokens that were told right.

    Args:
        model: the model whose encoder is read.
        probes: what reads it.
        tokens: ``int64 [batch, length]``, token ids.
        mask: ``int64 [batch, length]``, 0 where there is padding.
    """
    states = model.model.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
    known, index = torch.unique(tokens, return_inverse=True)
    directions = token_directions(model)[known]
    real = mask[:, 1:].bool()
    loss = states.new_zeros(())
    right = 0.0
    for probe, targets in ((probes.current, index[:, 1:]), (probes.previous, index[:, :-1])):
        told = functional.normalize(probe(states[:, 1:][real]).float(), dim=-1)
        logits = _PROBE_SCALE * told @ directions.T
        loss = loss + functional.cross_entropy(logits, targets[real])
        right = float((logits.argmax(-1) == targets[real]).float().mean())
    return loss, right


def token_directions(model: BartForConditionalGeneration) -> Tensor:
    """Returns the tokens' embeddings without their mean, of length 1: ``float32 [vocabulary, dimension]``."""
    weights = cast("Tensor", model.model.shared.weight).detach().float()
    return functional.normalize(weights - weights.mean(0), dim=-1)


@torch.no_grad()
def start_with_copying(
    model: BartForConditionalGeneration, probes: CopyProbes, *, sharpness: float = 2.0, strength: float = 40.0
) -> None:
    """Makes the decoder's last layer copy by the probes, and all other parts of the decoder pass on what they get.

    Args:
        model: a warm-started model; changed in place.
        probes: trained by `probe_loss` on this model's encoder.
        sharpness: how strongly attention prefers positions that match.
        strength: weight of the copied token beside what the layer got.
    """
    decoder = model.model.decoder
    dimension, heads = int(model.config.d_model or 0), int(model.config.decoder_attention_heads or 0)
    # An orthogonal mix gives each head a random part of every token's direction.
    mix = torch.linalg.qr(torch.randn(dimension, dimension, generator=torch.Generator().manual_seed(0)))[0]
    # Word embeddings must outweigh positions in what the decoder reads.
    decoder.embed_positions.weight.mul_(0.1)
    _reset(decoder.layernorm_embedding)
    for layer in decoder.layers:
        _pass_on(cast("BartDecoderLayer", layer))
    copier = cast("BartDecoderLayer", decoder.layers[-1]).encoder_attn
    head_size = dimension // heads
    # After its norm a token's embedding has the length √dimension: dividing by it gives a direction again.
    per_head = heads * head_size**0.5 * sharpness
    copier.q_proj.weight.copy_(mix * per_head / dimension**0.5)
    copier.q_proj.bias.zero_()
    copier.k_proj.weight.copy_(mix @ probes.previous.weight)
    copier.k_proj.bias.copy_(mix @ probes.previous.bias)
    copier.v_proj.weight.copy_(probes.current.weight)
    copier.v_proj.bias.copy_(probes.current.bias)
    copier.out_proj.weight.copy_(strength * torch.eye(dimension))
    copier.out_proj.bias.zero_()


def _pass_on(layer: BartDecoderLayer) -> None:
    """Makes a layer return what it gets: nothing is added, and the norms do nothing to what is normed already."""
    for linear in (layer.self_attn.out_proj, layer.encoder_attn.out_proj, layer.fc2):
        linear.weight.zero_()
        linear.bias.zero_()
    for norm in (layer.self_attn_layer_norm, layer.encoder_attn_layer_norm, layer.final_layer_norm):
        _reset(norm)


def _reset(norm: nn.LayerNorm) -> None:
    norm.weight.fill_(1.0)
    norm.bias.zero_()
