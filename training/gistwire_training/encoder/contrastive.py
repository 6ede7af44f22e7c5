"""The losses of contrastive training and the rates at which parameters follow them; used by `training`.

The first is InfoNCE (van den Oord et al. 2018) in both directions: each headline must find its body among the bodies
of the batch, some of them hard negatives, and each body its headline among the headlines. The second holds on to what
the base knows.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from gistwire_training.encoder.network import SentenceEncoder
from gistwire_training.encoder.recipe import EncoderRecipe
from gistwire_training.parameter_groups import decayed_groups


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
        groups += [group for group in decayed_groups(learning, rate, recipe.weight_decay) if group["params"]]
    return groups


def contrastive_loss(
    headlines: Tensor, bodies: Tensor, *, same_story: Tensor, temperature: float, false_negative_margin: float
) -> Tensor:
    """Computes symmetric InfoNCE, averaged over the pairs.

    Args:
        headlines: ``float32 [batch, dimension]``, unit rows.
        bodies: ``float32 [batch, dimension]``, unit rows, in the same order.
        same_story: ``bool [batch, batch]``: the bodies that are no negatives of a headline; its own counts in any
            case.
        temperature: what the cosines are divided by.
        false_negative_margin: a negative closer than the positive by more than this is left out.
    """
    cosines = headlines @ bodies.T
    own = torch.eye(len(cosines), dtype=torch.bool, device=cosines.device)
    positives = cosines.detach().diagonal()
    targets = torch.arange(len(cosines), device=cosines.device)
    losses = []
    for direction, masked in ((cosines, same_story), (cosines.T, same_story.T)):
        too_close = direction.detach() > positives[:, None] + false_negative_margin
        left_out = (masked.to(cosines.device) | too_close) & ~own
        logits = direction.masked_fill(left_out, -torch.inf) / temperature
        losses.append(nn.functional.cross_entropy(logits, targets))
    return torch.stack(losses).mean()


def anchor_loss(embedded: Tensor, anchors: Tensor) -> Tensor:
    """Computes how far texts have moved from where the base puts them: the mean of 1 − cosine.

    That is distillation of the base's answers on the new texts, as in Li and Hoiem, "Learning without Forgetting"
    (2016), with embeddings for answers, as in Reimers and Gurevych, "Making monolingual sentence embeddings
    multilingual using knowledge distillation" (2020): of unit vectors half their squared distance. Holding the
    parameters themselves, as L2-SP does (Li et al. 2018), would also forbid what changes no embedding.

    Args:
        embedded: ``float32 [texts, dimension]``, unit rows.
        anchors: ``float32 [texts, dimension]``, unit rows: what the base makes of the same texts.
    """
    return 1 - (embedded * anchors).sum(dim=-1).mean()
