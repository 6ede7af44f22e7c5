"""Tests of `read_source`, on the tokenizer of the default encoder."""

import pytest
from gistwire_models.errors import ModelFormatError
from gistwire_models.shipped import default_encoder_folder
from gistwire_models.summarizer_source import (
    HEADLINE_TASK,
    MIN_SOURCE_TOKENS,
    SUMMARY_TASK,
    SummarizerSource,
    read_source,
)
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

TOKENIZER: Tokenizer = Tokenizer.from_file(str(default_encoder_folder() / "tokenizer.json"))
TOKENIZER.no_padding()
TOKENIZER.no_truncation()
TOKENIZER.encode_special_tokens = True


def source(headline: str, body: str, *, max_tokens: int = 60, task: str = SUMMARY_TASK) -> SummarizerSource:
    return read_source(TOKENIZER, task=task, headline=headline, body=body, max_tokens=max_tokens)


@pytest.mark.parametrize("task", [SUMMARY_TASK, HEADLINE_TASK])
def test_headline_and_body_stand_between_marks(task: str) -> None:
    tokens = source("Oil up", "Prices rose.", task=task).tokens
    assert tokens == ["[CLS]", task, "oil", "up", "[SEP]", "prices", "rose", ".", "[SEP]"]


def test_a_hidden_headline_leaves_its_room_to_the_body() -> None:
    long = source("", "word " * 100)
    assert long.tokens == ["[CLS]", "summary", "[SEP]", *["word"] * 56, "[SEP]"]


def test_a_headline_takes_a_third_at_most() -> None:
    long = source("head " * 100, "word " * 100)
    assert long.tokens.count("head") == 19
    assert long.tokens.count("word") == 60 - 4 - 19


def test_a_book_is_not_read_to_its_end() -> None:
    assert len(source("", "word " * 100_000).body.ids) < 300


@given(
    headline=st.text(max_size=60), body=st.text(max_size=200), max_tokens=st.integers(MIN_SOURCE_TOKENS, 80)
)
def test_any_article_fits(headline: str, body: str, max_tokens: int) -> None:
    read = source(
        *(text.encode(errors="replace").decode() for text in (headline, body)), max_tokens=max_tokens
    )
    assert len(read) == len(read.tokens) == len(read.ids) <= max_tokens
    assert read.ids == [TOKENIZER.token_to_id(token) for token in read.tokens]
    assert read.tokens.count("[SEP]") == 2


def test_a_tokenizer_without_the_task_is_refused() -> None:
    with pytest.raises(ModelFormatError, match="lacks tellme"):
        source("Oil up", "Prices rose.", task="tellme")
