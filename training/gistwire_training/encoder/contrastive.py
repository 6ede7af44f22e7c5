"""What a step of contrastive training is made of: its pairs, its loss, its rates; used by `training`.

The loss is InfoNCE (van den Oord et al. 2018) in both directions: each headline must find its body among the batch's
bodies and hard negatives, and each body its headline among the batch's headlines.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gistwire_training.encoder.mining import NO_NEGATIVE, Places
from gistwire_training.encoder.network import SentenceEncoder
from gistwire_training.encoder.recipe import EncoderRecipe


def steps_per_epoch(pairs: int, recipe: EncoderRecipe) -> int:
    """Returns the number of steps of one pass; pairs that don't fill a batch are left out, except of a sole one."""
    return max(1, pairs // recipe.batch_size)


def total_steps(pairs: int, recipe: EncoderRecipe) -> int:
    """Returns the number of steps of a run that is not stopped early."""
    steps = recipe.epochs * steps_per_epoch(pairs, recipe)
    return min(steps, recipe.max_steps) if recipe.max_steps else steps


def batches_of_epoch(pairs: int, recipe: EncoderRecipe, epoch: int) -> Iterator[Places]:
    """Yields the places of each step's pairs, in an order that only the seed and the epoch decide."""
    order = np.random.default_rng((recipe.seed, epoch, 0)).permutation(pairs)
    for step in range(steps_per_epoch(pairs, recipe)):
        yield order[step * recipe.batch_size : (step + 1) * recipe.batch_size]


def learning_rate_factor(step: int, steps: int, recipe: EncoderRecipe) -> float:
    """Returns the share of the highest rate at a step (from 0): a linear rise, then a linear fall towards 0."""
    warmup = math.ceil(recipe.warmup_share * steps)
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (steps - step) / max(1, steps - warmup))


def parameter_groups(encoder: SentenceEncoder, recipe: EncoderRecipe) -> list[dict[str, Any]]:
    """Returns the optimizer's groups, each with its highest rate: lower layers learn less, biases don't decay."""
    top = len(encoder.layers) - 1
    levels: list[tuple[int, nn.Module]] = list(enumerate(encoder.layers))
    levels.append((-1, encoder.bert.embeddings))
    groups: list[dict[str, Any]] = []
    for level, module in levels:
        rate = recipe.learning_rate * recipe.layer_decay ** (top - level)
        learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
        matrices = [parameter for parameter in learning if parameter.ndim > 1]
        vectors = [parameter for parameter in learning if parameter.ndim <= 1]
        for parameters, decay in ((matrices, recipe.weight_decay), (vectors, 0.0)):
            if parameters:
                groups.append({"params": parameters, "lr": rate, "weight_decay": decay})
    return groups


def same_story(stories: Places, negatives: Places) -> Tensor:
    """Tells which bodies of a batch are no negatives of which headlines.

    Args:
        stories: ``int64 [batch]``: the story of each pair.
        negatives: ``int64 [hard]``: the story of each hard negative, `NO_NEGATIVE` where it stands for none.

    Returns:
        ``bool [batch, batch + hard]``.
    """
    candidates = np.concatenate([stories, negatives])
    masked = (stories[:, None] == candidates[None, :]) | (candidates == NO_NEGATIVE)[None, :]
    return torch.from_numpy(masked)


def contrastive_loss(
    headlines: Tensor, bodies: Tensor, *, masked: Tensor, temperature: float, false_negative_margin: float
) -> Tensor:
    """Computes symmetric InfoNCE, averaged over the pairs.

    Args:
        headlines: ``float [batch, dimension]``, unit rows.
        bodies: ``float [batch + hard, dimension]``, unit rows: first the headlines' own, then hard negatives.
        masked: ``bool [batch, batch + hard]``: the bodies that are no negatives of a headline; its own counts in any
            case.
        temperature: what the cosines are divided by.
        false_negative_margin: a negative closer than the positive by more than this is left out.
    """
    count = len(headlines)
    cosines = headlines @ bodies.T
    own = torch.eye(count, len(bodies), dtype=torch.bool, device=cosines.device)
    positives = cosines.detach().diagonal()
    masked = masked.to(cosines.device)
    forward = _without(cosines, (masked | (cosines > positives[:, None] + false_negative_margin)) & ~own)
    between = cosines[:, :count].T
    backward = _without(
        between, (masked[:, :count].T | (between > positives[:, None] + false_negative_margin)) & ~own[:, :count]
    )
    targets = torch.arange(count, device=cosines.device)
    loss = nn.functional.cross_entropy(forward / temperature, targets)
    return (loss + nn.functional.cross_entropy(backward / temperature, targets)) / 2


def _without(cosines: Tensor, left_out: Tensor) -> Tensor:
    return cosines.masked_fill(left_out, -torch.inf)
