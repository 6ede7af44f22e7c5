"""Prefix tuning: learned keys and values before all that the decoder wrote; reached by ``tuning="prefix"``.

The prefix is peft's; it is put into the cache here, because peft hands it over by an argument that the generation of
transformers ≥ 5.20 ignores: the prefix would be learned and then not used.
"""

from typing import Any, cast

import torch
from peft import PrefixEncoder, PrefixTuningConfig
from torch import Tensor, nn
from transformers import Cache, EncoderDecoderCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from gistwire_training.summarizer.layers import cache_argument, empty_cache


class Prefix(nn.Module):
    """Learned keys and values of every self-attention of the decoder (Li & Liang 2021, "Prefix-Tuning").

    Args:
        model: the network; its decoder, or the whole of a causal model, gets a hook.
        length: positions of the prefix.
    """

    def __init__(self, model: PreTrainedModel, *, length: int) -> None:
        super().__init__()
        self._length = length
        network: Any = model
        stack: nn.Module = network.get_decoder() if model.config.is_encoder_decoder else model.base_model
        self._argument = cache_argument(stack)
        self._layers, self._heads, self._head_size = _cache_shape(model, stack)
        self._config = model.config
        encoder: Any = PrefixEncoder
        self.encoder = encoder(
            PrefixTuningConfig(
                num_virtual_tokens=length,
                token_dim=self._heads * self._head_size,
                num_layers=self._layers,
                num_attention_heads=self._heads,
            )
        ).to(model.device)
        nn.init.normal_(self.encoder.embedding.weight, std=0.02)
        stack.register_forward_pre_hook(self._begin, with_kwargs=True)

    def forward(self, batch: int) -> list[tuple[Tensor, Tensor]]:
        """Returns each layer's keys and values: ``float32 [batch, heads, length, head size]`` each."""
        rows = self.encoder.embedding.weight.view(self._length, self._layers, 2, self._heads, self._head_size)
        parts = rows.permute(1, 2, 3, 0, 4).unsqueeze(2).expand(-1, -1, batch, -1, -1, -1)
        return [(keys, values) for keys, values in parts]

    def _begin(
        self, _stack: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Puts the prefix into an empty cache, and counts it in the mask and the positions."""
        given = (*args[:1], kwargs.get("input_ids"), kwargs.get("inputs_embeds"))
        batch, new = next(each for each in given if each is not None).shape[:2]
        cache = kwargs.get(self._argument)
        if cache is None:
            cache = empty_cache(self._config)
        own = _self_attention(cache)
        if own.get_seq_length() == 0:
            for place, (keys, values) in enumerate(self(batch)):
                own.update(keys.contiguous(), values.contiguous(), place)
        changed = {self._argument: cache}
        mask = kwargs.get("attention_mask")
        if mask is not None and mask.ndim == 2 and mask.shape[1] < own.get_seq_length() + new:
            changed["attention_mask"] = torch.cat([mask.new_ones(batch, self._length), mask], dim=1)
        if kwargs.get("position_ids") is not None:
            changed["position_ids"] = kwargs["position_ids"] + self._length
        return args, kwargs | changed


@torch.no_grad()
def _cache_shape(model: PreTrainedModel, stack: nn.Module) -> tuple[int, int, int]:
    """Returns layers, heads and head size of what self-attention caches, whatever the configuration calls them."""
    token = torch.zeros(1, 1, dtype=torch.long, device=model.device)
    read: dict[str, Tensor] = {}
    if model.config.is_encoder_decoder:
        read["encoder_hidden_states"] = model.get_encoder()(input_ids=token).last_hidden_state
    cache = empty_cache(model.config)
    stack(input_ids=token, use_cache=True, **{cache_argument(stack): cache}, **read)
    own = _self_attention(cache)
    keys = cast("Tensor", cast("DynamicLayer", own.layers[0]).keys)
    return len(own.layers), int(keys.shape[1]), int(keys.shape[3])


def _self_attention(cache: Cache) -> Cache:
    return cache.self_attention_cache if isinstance(cache, EncoderDecoderCache) else cache
