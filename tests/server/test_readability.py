import pytest
from gistwire_server.faithfulness import Source
from gistwire_server.readability import length_score, novelty_score
from hypothesis import given
from hypothesis import strategies as st

_ARTICLE = Source(
    "Harbour Line profit rises\nHarbour Line said its profit rose as more passengers crossed to the islands. "
    "Two new ferries will be delivered next spring by a yard in the north, the operator added.",
    "en",
    headline="Harbour Line profit rises",
)


@pytest.mark.parametrize(
    ("words", "expected"), [(0, 0.0), (6, 0.5), (12, 1.0), (45, 1.0), (90, 0.5), (450, 0.1)]
)
def test_length_falls_outside_the_wanted_words(words: int, expected: float) -> None:
    assert length_score("word " * words, "en") == pytest.approx(expected)


@pytest.mark.parametrize(("characters", "expected"), [(10, 0.5), (20, 1.0), (90, 1.0), (180, 0.5)])
def test_length_of_chinese_is_counted_in_characters(characters: int, expected: float) -> None:
    assert length_score("文" * characters, "zh") == pytest.approx(expected)


def test_a_short_limit_of_tokens_makes_short_texts_long_enough() -> None:
    assert length_score("one two three", "en", max_tokens=8) == 1.0
    assert length_score("one two three", "en", max_tokens=64) < 1.0


def test_a_text_that_broke_off_is_worth_less() -> None:
    text = "word " * 20
    assert length_score(text, "en", is_cut=True) < length_score(text, "en")


@given(st.integers(0, 200), st.sampled_from(["en", "zh"]), st.none() | st.integers(8, 256))
def test_length_is_in_bounds(words: int, language: str, max_tokens: int | None) -> None:
    assert 0.0 <= length_score("word " * words, language, max_tokens=max_tokens) <= 1.0


def test_a_text_without_repetition_is_new() -> None:
    text = "Two new ferries will be delivered next spring. Passengers crossed to the islands."
    assert novelty_score(text, _ARTICLE) == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "more passengers crossed more passengers crossed more passengers crossed",
        "Two new ferries arrive next spring. Next spring, two new ferries will arrive.",
        "渡轮明年春天交付。渡轮明年春天交付。",
    ],
)
def test_repetition_lowers_novelty(text: str) -> None:
    assert novelty_score(text, Source(_ARTICLE.text, "zh" if "渡" in text else "en")) <= 0.5


def test_repeating_the_headline_lowers_novelty() -> None:
    repeat = novelty_score("Harbour Line profits rise", _ARTICLE)
    assert repeat == pytest.approx(0.2)
    assert repeat < novelty_score("Harbour Line profit rose with passengers crossing", _ARTICLE) <= 1.0


def test_an_article_that_is_only_a_headline_may_be_told_by_it() -> None:
    headline = "Harbour Line profit rises"
    assert novelty_score(headline, Source(headline, "en", headline=headline)) == 1.0


@given(st.text(max_size=100))
def test_novelty_is_in_bounds(text: str) -> None:
    assert 0.0 <= novelty_score(text, _ARTICLE) <= 1.0
