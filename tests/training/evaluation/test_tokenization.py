"""Tests of the tokens that metrics count."""

import string

import pytest
from gistwire_training.evaluation.tokenization import count_words, tokenize, tokenize_stemmed
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.tokenizers import DefaultTokenizer


@given(st.text(string.printable))
def test_ascii_text_is_split_and_stemmed_as_rouge_score_does(text: str) -> None:
    assert tokenize(text) == DefaultTokenizer(use_stemmer=False).tokenize(text)
    assert tokenize_stemmed(text, "en") == DefaultTokenizer(use_stemmer=True).tokenize(text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("北京3日电，苹果iPhone发布", ["北", "京", "3", "日", "电", "苹", "果", "iphone", "发", "布"]),
        ("Ａｐｐｌｅ café", ["apple", "café"]),
        ("हिन्दी समाचार", ["हिन्दी", "समाचार"]),
        ("Zürich—Genève", ["zürich", "genève"]),
        ("snake_case", ["snake", "case"]),
        ("", []),
    ],
)
def test_tokens_of_all_scripts(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_only_english_words_are_stemmed() -> None:
    assert tokenize_stemmed("agreements reached", "en") == ["agreement", "reach"]
    assert tokenize_stemmed("agreements reached", "und") == ["agreement", "reach"]
    assert tokenize_stemmed("agreements reached", "fr") == ["agreements", "reached"]
    assert tokenize_stemmed("cafés", "en") == ["cafés"]


@pytest.mark.parametrize(
    ("text", "count"),
    [("Oil didn't fall by 1,234 -- yet.", 6), ("苹果发布 iPhone 17。", 6), ("", 0), ("-" * 100_000, 0)],
)
def test_words_are_counted_by_white_space_and_cjk_by_character(text: str, count: int) -> None:
    assert count_words(text) == count
