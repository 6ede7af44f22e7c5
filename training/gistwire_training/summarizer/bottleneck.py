"""Bottleneck adapters: a small residual network after each layer; reached by ``tuning="adapter"``.

`peft` has none that fit encoder–decoders, so they are made here.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from gistwire_training.summarizer.layers import tuned_layers


class BottleneckAdapters(nn.Module):
    """An adapter for each layer that is not frozen (Bapna & Firat 2019, "Simple, Scalable Adaptation for NMT").

    Each adds ``W_up relu(W_down norm(x))`` to what its layer returns; W_up starts as zero, so that nothing changes
    before training.

    Args:
        model: the network; its layers get hooks.
        width: width of the bottleneck.
        frozen: lowest layers reading the source that get none.
    """

    def __init__(self, model: PreTrainedModel, *, width: int, frozen: int) -> None:
        super().__init__()
        self.adapters = nn.ModuleDict()
        for name, layer in tuned_layers(model, frozen).items():
            adapter = _Adapter(int(model.config.hidden_size), width).to(model.device)
            self.adapters[name.replace(".", "-")] = adapter
            layer.register_forward_hook(adapter.follow)


class _Adapter(nn.Module):
    def __init__(self, dimension: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dimension)
        self.down = nn.Linear(dimension, width)
        self.up = nn.Linear(width, dimension)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: Tensor) -> Tensor:
        added: Tensor = self.up(torch.relu(self.down(self.norm(states))))
        return states + added

    def follow(self, layer: nn.Module, inputs: Any, output: Any) -> Any:  # noqa: ARG002 (a forward hook's signature)
        """Adapts what the layer returned; of a tuple the first part, which is the hidden states."""
        if isinstance(output, tuple):
            return (self(output[0]), *output[1:])
        return self(output)
