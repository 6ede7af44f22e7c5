"""A BERT of random weights, a tokenizer of a few words, and a few articles made of them."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from gistwire_models.model_folder import TOKENIZER_FILE
from gistwire_training.pairs import Pair
from gistwire_training.summarizer.copying_bart import CopyingBart
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.warm_start import bart_from_bert
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import BertConfig, BertModel

_CONTENT_WORDS: tuple[str, ...] = (
    *(
        "harbour",
        "strike",
        "ferry",
        "storm",
        "river",
        "bridge",
        "council",
        "mayor",
        "budget",
        "school",
        "teacher",
    ),
    *("hospital", "doctor", "minister", "factory", "worker", "union", "market", "price", "profit", "bank"),
    *("museum", "festival", "train", "airport", "pilot", "coast", "rescue", "winter"),
)
_OTHERS: tuple[str, ...] = (
    *(
        "summary",
        "headline",
        "the",
        "a",
        "in",
        "of",
        "and",
        "to",
        "for",
        "after",
        "said",
        "will",
        "has",
        "says",
    ),
    *(".", ",", "##s", "##ed"),
)

MakeSummarizer = Callable[[], CopyingBart]


@pytest.fixture(scope="session")
def vocabulary() -> list[str]:
    # The special tokens have the ids that they have in BERT's own vocabulary.
    unused = [f"[unused{number}]" for number in range(99)]
    return ["[PAD]", *unused, "[UNK]", "[CLS]", "[SEP]", *_OTHERS, *_CONTENT_WORDS]


@pytest.fixture
def tokenizer(vocabulary: list[str]) -> Tokenizer:
    made: Tokenizer = Tokenizer(
        WordPiece({word: place for place, word in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    made.normalizer = BertNormalizer(lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    return made


@pytest.fixture
def bert_folder(tmp_path: Path, vocabulary: list[str], tokenizer: Tokenizer) -> Path:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=96,
    )
    # Weights as small as a fresh BERT's would hide a layer that is missing.
    config.initializer_range = 0.3
    folder = tmp_path / "bert"
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save(str(folder / TOKENIZER_FILE))
    return folder


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
            f"{choice.choice(('the', 'a', 'of', 'in'))} {choice.choice(_CONTENT_WORDS)}"
            for _ in range(length)
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
def splits(pairs: Sequence[Pair]) -> dict[str, Sequence[Pair]]:
    return {"train": pairs[:14], "validation": pairs[14:]}
