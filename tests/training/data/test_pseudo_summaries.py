"""Tests of targets taken from the article itself."""

from collections import Counter

from gistwire_training.data.filters import words
from gistwire_training.data.pseudo_summaries import gap_sentences, lead
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

BODY = (
    "It rained. The mayor closed the quay. The strike of dockers in Ellery is over pay."
    " Dockers closed the quay of Ellery in a strike. A cat slept."
)


def test_the_lead_takes_as_many_sentences_as_fit() -> None:
    first = "It rained. The mayor closed the quay."
    assert lead(BODY, "en", max_words=7).summary == first
    assert lead(BODY, "en", max_words=6).summary == "It rained."
    assert lead(BODY, "en", max_words=7).rest == BODY.removeprefix(f"{first} ")


def test_a_long_first_sentence_is_taken_whole() -> None:
    assert lead("One two three four. Five.", "en", max_words=2).summary == "One two three four."


def test_the_gap_sentence_says_most_of_the_rest() -> None:
    target = gap_sentences(BODY, "en")
    assert target.summary == "Dockers closed the quay of Ellery in a strike."
    assert target.summary not in target.rest
    assert len(target.rest.split()) + len(target.summary.split()) == len(BODY.split())


def test_several_gap_sentences_keep_their_order_and_long_ones_are_not_taken() -> None:
    assert gap_sentences(BODY, "en", count=2).summary.startswith("The strike of")
    assert gap_sentences(BODY, "en", max_words=8).summary == "The mayor closed the quay."


def test_an_article_without_a_rest_has_no_gap_sentence() -> None:
    for body in ("", "A strike closed the harbour."):
        assert gap_sentences(body, "en").summary == ""
        assert gap_sentences(body, "en").rest == body
    assert lead("", "en").summary == ""


def test_chinese_sentences_are_scored_by_characters() -> None:
    assert (
        gap_sentences("天气很好。港口罢工关闭码头。码头工人罢工，港口关闭。", "zh").summary
        == "港口罢工关闭码头。"
    )


@given(
    st.lists(
        st.lists(st.sampled_from(["ash", "birch", "cedar", "elm", "fir"]), min_size=1, max_size=6),
        min_size=2,
        max_size=6,
    )
)
def test_the_choice_is_that_of_rouge_1(sentences: list[list[str]]) -> None:
    texts = [" ".join(["Xx", *sentence]) + "." for sentence in sentences]
    scorer = RougeScorer(["rouge1"])
    scores = [
        scorer.score(" ".join(texts[:place] + texts[place + 1 :]), text)["rouge1"].fmeasure
        for place, text in enumerate(texts)
    ]
    chosen = gap_sentences(" ".join(texts), "en").summary
    assert abs(scores[texts.index(chosen)] - max(scores)) < 1e-9


@given(st.text(alphabet="ab. \n。汉", max_size=80), st.integers(1, 4))
def test_no_word_is_lost_or_made_up(body: str, count: int) -> None:
    target = gap_sentences(body, "und", count=count)
    assert Counter(words(target.summary)) + Counter(words(target.rest)) == Counter(words(body))
