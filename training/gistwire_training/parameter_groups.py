"""Parts parameters into groups of the optimizer; used by everything that is fine-tuned."""

from collections.abc import Iterable
from typing import Any

from torch import nn


def decayed_groups(
    parameters: Iterable[nn.Parameter], rate: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Returns two of AdamW's groups: matrices with weight decay, biases and norms without; either may be empty."""
    learning = list(parameters)
    return [
        {"params": [each for each in learning if each.ndim > 1], "lr": rate, "weight_decay": weight_decay},
        {"params": [each for each in learning if each.ndim <= 1], "lr": rate, "weight_decay": 0.0},
    ]
