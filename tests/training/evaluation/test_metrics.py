"""Tests of what one output measures."""

import pytest
from gistwire_training.evaluation.metrics import PairMeasurer
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

ARTICLE = (
    "The council of Berlin approved a new bridge on Monday after a debate of seven hours. "
    "Mayor Anna Keller said the bridge would cost 40 million euros."
)
REFERENCE = "Berlin approved a bridge for 40 million euros."
MEASURER = PairMeasurer(reference=REFERENCE, article=ARTICLE, language="en")
WORDS = sorted(set(ARTICLE.split()) | {"Paris", "rejected", "30", "..."})


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
@settings(max_examples=80)
def test_english_rouge_is_that_of_rouge_score(output: str) -> None:
    expected = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True).score(REFERENCE, output)
    measures = MEASURER.measure(output)
    assert measures.rouge1 == expected["rouge1"].fmeasure
    assert measures.rouge2 == expected["rouge2"].fmeasure
    assert measures.rouge_l == expected["rougeL"].fmeasure
    assert measures.rouge == pytest.approx(sum(each.fmeasure for each in expected.values()) / 3)


def test_chinese_rouge_is_by_characters() -> None:
    measurer = PairMeasurer(reference="北京今天下雨", article="北京今天下了大雨。", language="zh")
    measures = measurer.measure("北京昨天下雨")
    assert measures.rouge1 == pytest.approx(5 / 6)
    assert measures.rouge2 == pytest.approx(3 / 5)
    assert measures.length == 6
    assert measurer.article_length == 8


def test_a_sentence_of_the_article_is_all_copied_and_faithful() -> None:
    measures = MEASURER.measure("Mayor Anna Keller said the bridge would cost 40 million euros.")
    assert (measures.copied_tokens, measures.copied_bigrams, measures.novel_trigrams) == (1.0, 1.0, 0.0)
    assert measures.longest_copied_run == measures.length == 11
    assert measures.faithfulness == 1.0
    assert measures.checked_items >= 2
    assert measures.unsupported_items == ()
    assert measures.compression == pytest.approx(11 / 27)


def test_numbers_and_names_that_the_article_lacks_are_named() -> None:
    measures = MEASURER.measure("The council of Paris approved a bridge for 50 million euros.")
    assert measures.unsupported_items == ("50 million", "Paris")
    assert measures.checked_items == 2
    assert measures.faithfulness < 0.5


def test_a_copy_with_gaps_is_measured_by_its_longest_part() -> None:
    measures = MEASURER.measure("Berlin approved a new bridge, Keller said the bridge")
    assert measures.longest_copied_run == 5
    assert measures.copied_tokens == 1.0
    assert measures.copied_bigrams == pytest.approx(7 / 8)
    assert measures.novel_trigrams == pytest.approx(2 / 7)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=12))
@settings(max_examples=60)
def test_the_longest_copied_run_is_that_of_all_runs(output: list[str], article: list[str]) -> None:
    text = f" {' '.join(article)} "
    runs = (output[start:end] for start in range(len(output)) for end in range(start + 1, len(output) + 1))
    longest = max((len(run) for run in runs if f" {' '.join(run)} " in text), default=0)
    measurer = PairMeasurer(reference="a", article=" ".join(article), language="und")
    assert measurer.measure(" ".join(output)).longest_copied_run == longest


def test_repetition_is_the_share_of_triples_that_came_before() -> None:
    assert MEASURER.measure("a new bridge a new bridge").repeated_trigrams == pytest.approx(1 / 4)
    assert MEASURER.measure("a new bridge").repeated_trigrams == 0.0


def test_an_empty_output_measures_nothing() -> None:
    measures = MEASURER.measure("")
    assert (measures.rouge, measures.sentence_bleu, measures.length, measures.checked_items) == (0, 0, 0, 0)
    assert (measures.copied_tokens, measures.novel_trigrams, measures.repeated_trigrams) == (0, 0, 0)


@given(st.text(max_size=80))
@settings(max_examples=80)
def test_any_output_can_be_measured_and_shares_are_shares(output: str) -> None:
    measures = MEASURER.measure(output)
    for share in (
        measures.rouge1,
        measures.sentence_bleu,
        measures.faithfulness,
        measures.copied_tokens,
        measures.copied_bigrams,
        measures.novel_trigrams,
        measures.repeated_trigrams,
    ):
        assert 0.0 <= share <= 1.0
    assert len(measures.unsupported_items) <= measures.checked_items
