"""An encoder of a few kilobytes with random weights, and news that it can learn to find."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from gistwire_training.encoder import EncoderProgress, EncoderRecipe, EncoderRun, train_encoder
from gistwire_training.encoder.network import SentenceEncoder
from gistwire_training.pairs import Pair, write_pairs
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

TOPICS = [f"topic{number}" for number in range(16)]
NOISE = [f"noise{number}" for number in range(6)]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *TOPICS, *NOISE]

RECIPE = EncoderRecipe(
    threads=1,
    epochs=3,
    batch_size=16,
    hard_negatives=1,
    hard_negative_pool=5,
    temperature=0.1,
    learning_rate=1e-2,
    frozen_layers=1,
    anchor_weight=0.1,
    mixed_precision="off",
    max_headline_tokens=8,
    max_body_tokens=12,
    evaluate_every=10,
    checkpoint_every=5,
    interpolation_weights=(0.5, 1.0),
)
"""With 160 pairs this takes 30 steps and less than a second."""


def write_tiny_encoder(folder: Path, *, seed: int = 1) -> Path:
    """Writes the three files of an encoder, with the pooler that published ones have."""
    folder.mkdir(parents=True)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        weights = BertModel(config).state_dict()
    # Words outweigh what the layers add, so that texts with the same words are alike from the start.
    weights["embeddings.word_embeddings.weight"] *= 50
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "model.safetensors")
    config.to_json_file(folder / "config.json", use_diff=False)
    tokenizer: Tokenizer = Tokenizer(
        WordLevel({word: place for place, word in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def make_pairs(count: int, *, seed: int) -> list[Pair]:
    """News whose headline and body share two topics among words that mean nothing."""
    chance = random.Random(seed)
    pairs = []
    for number in range(count):
        topics = chance.sample(TOPICS, 2)
        pairs.append(
            Pair(
                id=f"{seed}-{number}",
                headline=_mixed(chance, topics, noise=2),
                body=_mixed(chance, topics, noise=6),
                source="wire" if number % 2 else "paper",
                language="en",
            )
        )
    return pairs


def _mixed(chance: random.Random, topics: Sequence[str], *, noise: int) -> str:
    words = [*topics, *chance.choices(NOISE, k=noise)]
    chance.shuffle(words)
    return " ".join(words)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the encoder that training starts from."""
    return write_tiny_encoder(tmp_path_factory.mktemp("encoders") / "base")


@pytest.fixture(scope="session")
def pairs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of pairs, as `prepare` writes them."""
    folder = tmp_path_factory.mktemp("pairs")
    for seed, (split, count) in enumerate({"train": 160, "validation": 60, "test": 60}.items()):
        write_pairs(folder / f"{split}.jsonl", make_pairs(count, seed=seed))
    return folder


@pytest.fixture
def encoder(base: Path) -> SentenceEncoder:
    """The encoder that training starts from, loaded anew for each test."""
    return SentenceEncoder.load(base)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run of `RECIPE`, with what it told on its way."""

    run: EncoderRun
    told: list[EncoderProgress]


@pytest.fixture(scope="session")
def finished(pairs_folder: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A run that nothing stopped; tests only read its folder."""
    told: list[EncoderProgress] = []
    folder = tmp_path_factory.mktemp("runs") / "finished"
    return FinishedRun(train_encoder(pairs_folder, folder, RECIPE, base=base, on_progress=told.append), told)
