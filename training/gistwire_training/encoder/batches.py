"""The pairs of each training step, decided by seed and step alone; used by `training`.

A batch is made of small groups of pairs: a pair and some whose bodies are hard negatives for its headline. So every
body is computed once and serves as a positive, as a hard negative and as an easy one (Dahiya et al., "NGAME: negative
mining-aware mini-batching for extreme classification", 2023). A hard negative of its own would double the time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gistwire_training.encoder.mining import NO_NEGATIVE, Places, group_stories, mine_hard_negatives
from gistwire_training.encoder.network import SentenceEncoder, TokenIds
from gistwire_training.encoder.queries import TrainingQueries
from gistwire_training.encoder.recipe import EncoderRecipe
from gistwire_training.pairs import Pair


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from.

    Attributes:
        headlines: tokens of the headlines, some of them varied, ``[batch]``.
        bodies: tokens of their bodies, ``[batch]``.
        same_story: ``bool [batch, batch]``: the bodies that tell a headline's story and so are no negatives of it;
            its own is among them.
    """

    headlines: Sequence[TokenIds]
    bodies: Sequence[TokenIds]
    same_story: Tensor


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
        """Tokenizes the pairs and mines their hard negatives.

        Args:
            pairs: the training pairs.
            encoder: its tokenizer is used.
            recipe: the settings.
            on_mined: called now and then with the number of headlines whose negatives were mined.
        """
        self._recipe = recipe
        self._encoder = encoder
        self._queries = TrainingQueries(pairs, recipe)
        self._bodies = encoder.tokenize([pair.body for pair in pairs], max_tokens=recipe.max_body_tokens)
        self._stories = group_stories(pairs)
        self._mined = mine_hard_negatives(
            pairs, self._stories, pool=recipe.hard_negative_pool, on_progress=on_mined
        )
        self._epoch = -1
        self._batches = np.zeros((0, 0), dtype=np.int64)

    def at(self, step: int) -> Batch:
        """Returns the batch of a step, counted from 0 over all passes."""
        epoch, place = divmod(step, steps_per_epoch(len(self._bodies), self._recipe))
        if epoch != self._epoch:
            self._batches = compose_batches(self._mined, self._recipe, epoch)
            self._epoch = epoch
        places = self._batches[place]
        stories = self._stories[places]
        headlines = [self._queries.at(place, epoch=epoch) for place in places.tolist()]
        return Batch(
            headlines=self._encoder.tokenize(headlines, max_tokens=self._recipe.max_headline_tokens),
            bodies=[self._bodies[place] for place in places],
            same_story=torch.from_numpy(stories[:, None] == stories[None, :]),
        )


def compose_batches(mined: Places, recipe: EncoderRecipe, epoch: int) -> Places:
    """Puts each pair beside some of its hard negatives, in an order that only the seed and the pass decide.

    Args:
        mined: the hard negatives of each pair, as `mine_hard_negatives` gives them.
        recipe: the settings.
        epoch: number of the pass.

    Returns:
        ``int64 [steps_per_epoch, batch]``: places of the pairs of each step; no pair comes twice.
    """
    random = np.random.default_rng((recipe.seed, epoch))
    is_taken = np.zeros(len(mined), dtype=np.bool_)
    order: list[int] = []
    for place in random.permutation(len(mined)).tolist():
        if is_taken[place]:
            continue
        is_taken[place] = True
        drawn = random.permutation(mined[place][mined[place] != NO_NEGATIVE])
        negatives = drawn[~is_taken[drawn]][: recipe.hard_negatives]
        is_taken[negatives] = True
        order += [place, *negatives.tolist()]
    steps = steps_per_epoch(len(mined), recipe)
    batches = np.array(order[: steps * recipe.batch_size], dtype=np.int64).reshape(steps, -1)
    # Towards the end most negatives are taken, so the last batches are the easiest ones.
    shuffled: Places = batches[random.permutation(steps)]
    return shuffled


def steps_per_epoch(pairs: int, recipe: EncoderRecipe) -> int:
    """Returns the number of steps of one pass; pairs that don't fill a batch wait for the next pass."""
    return max(1, pairs // recipe.batch_size)


def total_steps(pairs: int, recipe: EncoderRecipe) -> int:
    """Returns the number of steps of a run that is not stopped early."""
    steps = recipe.epochs * steps_per_epoch(pairs, recipe)
    return min(steps, recipe.max_steps) if recipe.max_steps else steps
