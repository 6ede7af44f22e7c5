"""A BERT of random weights with a tokenizer of a few words, for all tests of what is built on one."""

from pathlib import Path

import pytest
import torch
from gistwire_models.model_folder import TOKENIZER_FILE
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import BertConfig, BertModel

CONTENT_WORDS: tuple[str, ...] = (
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


@pytest.fixture(scope="session")
def vocabulary() -> list[str]:
    # The special tokens have the ids that they have in BERT's own vocabulary.
    unused = [f"[unused{number}]" for number in range(99)]
    return ["[PAD]", *unused, "[UNK]", "[CLS]", "[SEP]", *_OTHERS, *CONTENT_WORDS]


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
