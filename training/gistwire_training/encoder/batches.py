"""The pairs of each training step with their hard negatives, decided by seed and step alone; used by `training`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gistwire_training.encoder.mining import (
    NO_NEGATIVE,
    Places,
    draw_negatives,
    group_stories,
    mine_hard_negatives,
)
from gistwire_training.encoder.network import SentenceEncoder, TokenIds
from gistwire_training.encoder.recipe import EncoderRecipe
from gistwire_training.pairs import Pair


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from.

    Attributes:
        headlines: tokens of the headlines, ``[batch]``.
        bodies: tokens of their bodies, then of the hard negatives, ``[batch + hard]``.
        masked: ``bool [batch, batch + hard]``: the bodies that are no negatives of a headline, for they tell its
            story; its own is among them.
    """

    headlines: Sequence[TokenIds]
    bodies: Sequence[TokenIds]
    masked: Tensor


class TrainingBatches:
    """The batches of a run, by step."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        encoder: SentenceEncoder,
        recipe: EncoderRecipe,
        *,
        on_mined: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Tokenizes the pairs and mines their hard negatives; 25 000 pairs take about two minutes.

        Args:
            pairs: the training pairs.
            encoder: its tokenizer is used.
            recipe: the settings.
            on_mined: called now and then with the number of headlines whose negatives were mined.
        """
        self._recipe = recipe
        self._headlines = encoder.tokenize(
            [pair.headline for pair in pairs], max_tokens=recipe.max_headline_tokens
        )
        self._bodies = encoder.tokenize([pair.body for pair in pairs], max_tokens=recipe.max_body_tokens)
        self._stories = group_stories(pairs)
        self._mined = (
            mine_hard_negatives(pairs, self._stories, pool=recipe.hard_negative_pool, on_progress=on_mined)
            if recipe.hard_negatives
            else np.zeros((len(pairs), 0), dtype=np.int64)
        )
        self._epoch = -1
        self._order: Places = np.zeros(0, dtype=np.int64)
        self._negatives = self._mined

    def at(self, step: int) -> Batch:
        """Returns the batch of a step, counted from 0 over all passes."""
        epoch, place = divmod(step, steps_per_epoch(len(self._headlines), self._recipe))
        if epoch != self._epoch:
            self._begin(epoch)
        size = self._recipe.batch_size
        return self._batch(self._order[place * size : (place + 1) * size])

    def _begin(self, epoch: int) -> None:
        seed = self._recipe.seed
        self._epoch = epoch
        self._order = np.random.default_rng((seed, epoch)).permutation(len(self._headlines))
        self._negatives = draw_negatives(self._mined, self._recipe.hard_negatives, seed=seed, epoch=epoch)

    def _batch(self, places: Places) -> Batch:
        drawn = self._negatives[places].reshape(-1)
        candidates = np.concatenate([places, drawn[drawn != NO_NEGATIVE]])
        masked = self._stories[places][:, None] == self._stories[candidates][None, :]
        return Batch(
            headlines=[self._headlines[place] for place in places],
            bodies=[self._bodies[place] for place in candidates],
            masked=torch.from_numpy(masked),
        )


def steps_per_epoch(pairs: int, recipe: EncoderRecipe) -> int:
    """Returns the number of steps of one pass; pairs that don't fill a batch wait for the next pass."""
    return max(1, pairs // recipe.batch_size)


def total_steps(pairs: int, recipe: EncoderRecipe) -> int:
    """Returns the number of steps of a run that is not stopped early."""
    steps = recipe.epochs * steps_per_epoch(pairs, recipe)
    return min(steps, recipe.max_steps) if recipe.max_steps else steps
