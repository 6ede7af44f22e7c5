"""How fast a model learns at each step; used by `training`."""

import math

from gistwire_training.summarizer.recipe import SummarizerRecipe

_LAST = 0.05
"""Share of the highest rate at the last step."""


def learning_rate_factor(step: int, recipe: SummarizerRecipe) -> float:
    """Returns the share of the highest rate at a step (from 0): a linear rise, then half a cosine down."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return _LAST + (1 - _LAST) * (1 + math.cos(math.pi * min(1.0, done))) / 2
