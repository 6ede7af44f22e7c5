"""The examples that a summarizer learns from, in an order that a resumed run repeats exactly; used by `training`."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec
from gistwire_models.summarizer_source import HEADLINE_TASK, SUMMARY_TASK

from gistwire_training.data.augmentation import AugmentationOptions, AugmentedPairs
from gistwire_training.data.split_pairs import SplitPairs
from gistwire_training.data.thesaurus import news_thesaurus
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import Pair
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.targets import compressed_summary

_POOL_BATCHES = 16
"""Batches that are filled from one pool sorted by length, so that little of a batch is padding."""


class Task(Enum):
    """What is written; its value stands before the source, as a word of the vocabulary."""

    SUMMARY = SUMMARY_TASK
    HEADLINE = HEADLINE_TASK


@dataclass(frozen=True, slots=True)
class Example:
    """A source with its target.

    Attributes:
        task: what is written.
        headline: the source's headline; "" where it is hidden.
        body: the source's text.
        target: the text to be written.
    """

    task: Task
    headline: str
    body: str
    target: str


class ExampleStream:
    """An endless stream of batches, each a pure function of the recipe's seed and its number.

    What is read is varied as the recipe says, another way in each pool of batches; what is to be written never.

    Args:
        pairs: the training split.
        recipe: shares of tasks, seed and batch size.

    Raises:
        TrainingDataError: no pair gives an example.
    """

    def __init__(self, pairs: Sequence[Pair], recipe: SummarizerRecipe) -> None:
        self._recipe = recipe
        self._supervised = [pair for pair in pairs if pair.summary and pair.body]
        unlabelled = [pair for pair in pairs if not pair.summary and pair.body]
        self._compressed = [
            msgspec.structs.replace(pair, summary=summary)
            for pair in unlabelled
            if (summary := compressed_summary(pair))
        ]
        self._headlined = [pair for pair in pairs if pair.headline and len(pair.body.split()) >= 12]
        self._augmentation = AugmentationOptions(
            synonyms=recipe.synonyms,
            word_dropout=recipe.word_dropout,
            sentence_dropout=recipe.sentence_dropout,
            sentence_shuffling=0.0,
            headline_dropout=0.0,
            back_translation=0.0,
            seed=recipe.seed,
        )
        self._thesaurus = news_thesaurus() if recipe.synonyms else {}
        if not self._supervised and not self._compressed:
            raise TrainingDataError("no article has a summary, or a sentence from which one could be made")

    def batches(self, first: int) -> Iterator[list[Example]]:
        """Yields batches from the one numbered `first` (from 0) on."""
        pool_number, skipped = divmod(first, _POOL_BATCHES)
        while True:
            yield from self._pool(pool_number)[skipped:]
            pool_number, skipped = pool_number + 1, 0

    def _pool(self, number: int) -> list[list[Example]]:
        choice = random.Random(f"{self._recipe.seed}/{number}")  # noqa: S311 (a shuffle, no secret)
        size = self._recipe.batch_size
        examples = [self._draw(choice, number) for _ in range(size * _POOL_BATCHES)]
        examples.sort(key=lambda example: len(example.headline) + len(example.body))
        batches = [examples[start : start + size] for start in range(0, len(examples), size)]
        choice.shuffle(batches)
        return batches

    def _draw(self, choice: random.Random, pool: int) -> Example:
        if self._headlined and choice.random() < self._recipe.headline_share:
            pair = self._varied(msgspec.structs.replace(choice.choice(self._headlined), summary=""), pool)
            return Example(Task.HEADLINE, "", pair.body, pair.headline)
        supervised = bool(self._supervised) and (
            not self._compressed or choice.random() < self._recipe.supervised_share
        )
        pair = self._varied(choice.choice(self._supervised if supervised else self._compressed), pool)
        hidden = choice.random() < self._recipe.headline_dropout
        return Example(Task.SUMMARY, "" if hidden else pair.headline, pair.body, pair.summary)

    def _varied(self, pair: Pair, pool: int) -> Pair:
        options = self._augmentation
        if not (options.synonyms or options.word_dropout or options.sentence_dropout):
            return pair
        alone = SplitPairs("train", (pair,))
        return AugmentedPairs(alone, options, thesaurus=self._thesaurus).pair(0, epoch=pool)


def validation_examples(pairs: Sequence[Pair], size: int) -> list[Example]:
    """Returns one summary example a pair, its target written by a person where there is one, else compressed."""
    examples: list[Example] = []
    for pair in sorted(pairs, key=lambda pair: (not pair.summary, pair.id)):
        if pair.body and (target := pair.summary or compressed_summary(pair)):
            examples.append(Example(Task.SUMMARY, pair.headline, pair.body, target))
        if len(examples) == size:
            break
    return examples
