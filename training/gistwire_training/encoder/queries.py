"""The queries that a text encoder learns to answer: headlines, some of them varied; used by `batches`.

A headline repeats the words of its body; what people type often does not. So some headlines lose words and have
others replaced, by the augmentation that summarizers are trained with (`gistwire_training.data.augmentation`).
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from gistwire_training.data.augmentation import AugmentationOptions, AugmentedPairs
from gistwire_training.data.split_pairs import SplitPairs
from gistwire_training.data.thesaurus import news_thesaurus
from gistwire_training.encoder.recipe import EncoderRecipe
from gistwire_training.pairs import Pair


class TrainingQueries:
    """The queries of the training pairs, decided by seed and pass alone."""

    def __init__(self, pairs: Sequence[Pair], recipe: EncoderRecipe) -> None:
        """Takes the pairs of the training split.

        Args:
            pairs: the training pairs.
            recipe: the settings.
        """
        self._headlines = [pair.headline for pair in pairs]
        self._share = recipe.query_variation
        self._seed = recipe.seed
        # The augmentation varies bodies, and spares names by their capitals, which nobody types.
        as_bodies = tuple(
            msgspec.structs.replace(pair, headline="", summary="", body=pair.headline.lower())
            for pair in pairs
        )
        self._varied = AugmentedPairs(
            SplitPairs("train", as_bodies),
            AugmentationOptions(
                synonyms=recipe.query_synonyms,
                word_dropout=recipe.query_word_dropout,
                sentence_dropout=0.0,
                sentence_shuffling=0.0,
                headline_dropout=0.0,
                back_translation=0.0,
                seed=recipe.seed,
            ),
            thesaurus=news_thesaurus(),
        )

    def at(self, place: int, *, epoch: int) -> str:
        """Returns the query of a pair in a pass: its headline, or a variant of it in lower case.

        Args:
            place: the pair's place in the training list, from 0.
            epoch: number of the pass, from 0.
        """
        headline = self._headlines[place]
        if np.random.default_rng((self._seed, epoch, place)).random() >= self._share:
            return headline
        varied = self._varied.pair(place, epoch=epoch).body
        return varied if any(character.isalnum() for character in varied) else headline
