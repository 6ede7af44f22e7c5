"""Tests of BLEU from counts, against sacrebleu itself."""

import numpy as np
import pytest
from gistwire_training.evaluation.bleu import COUNTS, bleu_counts, corpus_bleu, sentence_bleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU

WORDS = ("the", "council", "of", "Berlin", "approved", "a", "new", "bridge", "on", "Monday")
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=9)


def test_counts_are_as_many_as_said() -> None:
    assert len(bleu_counts("a b", "a b", "en")) == COUNTS


@settings(max_examples=60)
@given(st.lists(st.tuples(SENTENCES, SENTENCES.filter(bool)), min_size=1, max_size=5))
def test_sums_of_counts_give_the_corpus_bleu_of_sacrebleu(corpus: list[tuple[list[str], list[str]]]) -> None:
    outputs = [" ".join(output) for output, _ in corpus]
    references = [" ".join(reference) for _, reference in corpus]
    counts = np.sum([bleu_counts(*each, "en") for each in zip(outputs, references, strict=True)], axis=0)
    expected = BLEU(lowercase=True).corpus_score(outputs, [references]).score / 100
    assert float(corpus_bleu(counts.astype(float))) == pytest.approx(expected, abs=1e-9)


def test_many_corpora_are_computed_at_once() -> None:
    perfect = bleu_counts("a b c d", "a b c d", "en")
    wrong = bleu_counts("e f g h", "a b c d", "en")
    scores = corpus_bleu(np.array([[perfect, wrong]], dtype=float))
    assert scores.shape == (1, 2)
    assert scores[0].tolist() == pytest.approx([1.0, 0.0])


def test_case_does_not_matter() -> None:
    assert sentence_bleu(
        bleu_counts("OIL PRICES ROSE ON FRIDAY", "Oil prices rose on Friday", "en")
    ) == pytest.approx(1.0)


def test_chinese_is_compared_by_characters() -> None:
    assert sentence_bleu(bleu_counts("北京今天下雨", "北京昨天下雨", "zh")) > 0.3
    assert sentence_bleu(bleu_counts("北京今天下雨", "北京昨天下雨", "en")) == 0.0


def test_a_sentence_shorter_than_four_words_can_be_perfect() -> None:
    assert sentence_bleu(bleu_counts("oil rises", "oil rises", "en")) == pytest.approx(1.0)
    assert sentence_bleu(bleu_counts("", "oil rises", "en")) == 0.0
