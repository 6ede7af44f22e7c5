"""A summarizer of random weights, and a few articles made of the words that it knows."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from gistwire_models.model_folder import TOKENIZER_FILE
from gistwire_training.pairs import Pair, Split
from gistwire_training.summarizer.copying_bart import CopyingBart
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.warm_start import bart_from_bert
from tokenizers import Tokenizer

from tests.training.conftest import CONTENT_WORDS

MakeSummarizer = Callable[[], CopyingBart]


@pytest.fixture
def make_summarizer(bert_folder: Path) -> MakeSummarizer:
    """Makes the same warm-started summarizer every time."""

    def make() -> CopyingBart:
        torch.manual_seed(5)
        return CopyingBart(
            bart_from_bert(bert_folder, decoder_layers=2, dropout=0.0),
            Tokenizer.from_file(str(bert_folder / TOKENIZER_FILE)),
            max_source_tokens=48,
            max_target_tokens=12,
        )

    return make


@pytest.fixture
def recipe() -> SummarizerRecipe:
    return SummarizerRecipe(
        decoder_layers=2,
        frozen_encoder_layers=1,
        align_steps=2,
        tuning_rank=2,
        steps=6,
        batch_size=4,
        warmup_steps=2,
        learning_rate=1e-2,
        encoder_learning_rate=5e-3,
        precision="float32",
        max_source_tokens=48,
        max_target_tokens=12,
        evaluate_every=2,
        evaluation_size=4,
    )


@pytest.fixture(scope="session")
def pairs() -> Sequence[Pair]:
    choice = random.Random(11)

    def sentence(length: int) -> str:
        words = [
            f"{choice.choice(('the', 'a', 'of', 'in'))} {choice.choice(CONTENT_WORDS)}" for _ in range(length)
        ]
        return f"{' '.join(words).capitalize()}."

    return [
        Pair(
            id=str(number),
            headline=sentence(3).rstrip("."),
            body=f"{sentence(5)} {sentence(4)}",
            summary=sentence(3) if number % 2 else "",
            language="en",
        )
        for number in range(20)
    ]


@pytest.fixture
def splits(pairs: Sequence[Pair]) -> dict[Split, Sequence[Pair]]:
    return {"train": pairs[:14], "validation": pairs[14:]}
