"""Tests of varying training pairs: only what is read, only in training, and the same after a resume."""

from collections.abc import Mapping

import pytest
from gistwire_indexer.analysis import analyze
from gistwire_training.data.augmentation import AugmentationOptions, AugmentedPairs
from gistwire_training.data.split_pairs import SplitPairs
from gistwire_training.data.thesaurus import news_thesaurus
from gistwire_training.errors import RecipeError
from gistwire_training.pairs import Pair, Split
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

PAIR = Pair(
    id="p",
    headline="Dockers strike in Ellery",
    body="Dockers began a strike. They want more pay. The company refused. Shares fell by 3 percent. Ships wait.",
    summary="Dockers began a strike.",
    language="en",
)
NOTHING = AugmentationOptions(
    synonyms=0,
    word_dropout=0,
    sentence_dropout=0,
    sentence_shuffling=0,
    headline_dropout=0,
    back_translation=0,
)
THESAURUS = {"began": ("started",), "company": ("firm",), "fell": ("dropped",), "want": ("demand",)}


def varied(
    options: AugmentationOptions, pair: Pair = PAIR, *, epoch: int = 0, paraphrases: Mapping[str, str] = {}
) -> Pair:
    pairs = SplitPairs("train", (pair,))
    return AugmentedPairs(pairs, options, thesaurus=THESAURUS, paraphrases=paraphrases).pair(0, epoch=epoch)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_is_measured_cannot_be_augmented(split: Split) -> None:
    with pytest.raises(RecipeError, match=split):
        AugmentedPairs(SplitPairs(split, (PAIR,)))


@pytest.mark.parametrize(
    "settings", [{"synonyms": 1.5}, {"word_dropout": -0.1}, {"headline_dropout": float("nan")}]
)
def test_impossible_probabilities_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=next(iter(settings))):
        replace(NOTHING, **settings)


def test_a_negative_lead_is_refused() -> None:
    with pytest.raises(RecipeError, match="lead_sentences"):
        AugmentationOptions(lead_sentences=-1)


def test_nothing_is_varied_where_everything_is_turned_off() -> None:
    assert varied(NOTHING) == PAIR


def test_words_are_replaced_but_none_of_the_target() -> None:
    assert varied(replace(NOTHING, synonyms=1.0)).body == (
        "Dockers began a strike. They demand more pay. The firm refused. Shares dropped by 3 percent. Ships wait."
    )


def test_words_are_left_out_but_names_numbers_and_the_target_stay() -> None:
    assert (
        varied(replace(NOTHING, word_dropout=1.0)).body
        == "Dockers began a strike. They. The. Shares 3. Ships."
    )


def test_sentences_are_left_out_beyond_the_lead_but_none_that_alone_supports_the_target() -> None:
    options = replace(NOTHING, sentence_dropout=1.0, lead_sentences=1)
    assert varied(options).body == "Dockers began a strike."
    target = replace(PAIR, summary="Shares fell as dockers began a strike.")
    assert varied(options, target).body == "Dockers began a strike. Shares fell by 3 percent."


def test_of_two_sentences_that_support_the_target_one_stays() -> None:
    options = replace(NOTHING, sentence_dropout=1.0, lead_sentences=0)
    pair = replace(PAIR, body="A strike began. Ships wait. A strike began.", summary="A strike began.")
    assert varied(options, pair).body == "A strike began."


def test_sentences_change_places_beyond_the_lead() -> None:
    bodies = {varied(replace(NOTHING, sentence_shuffling=1.0), epoch=epoch).body for epoch in range(20)}
    assert len(bodies) > 2
    assert all(body.startswith("Dockers began a strike. They want more pay. ") for body in bodies)
    assert {tuple(sorted(body.split())) for body in bodies} == {tuple(sorted(PAIR.body.split()))}


def test_the_headline_is_left_out_only_where_it_is_not_the_target() -> None:
    options = replace(NOTHING, headline_dropout=1.0)
    assert varied(options) == replace(PAIR, headline="")
    assert varied(options, replace(PAIR, summary="")).headline == PAIR.headline
    assert varied(options, replace(PAIR, body="")).headline == PAIR.headline


def test_a_back_translation_takes_the_place_of_the_body() -> None:
    options = replace(NOTHING, back_translation=1.0)
    assert varied(options, paraphrases={"p": "Dock workers walk out."}).body == "Dock workers walk out."
    assert varied(options, paraphrases={"other": "x"}) == PAIR


def test_an_epoch_is_the_same_after_a_resume_and_another_is_not() -> None:
    pairs = SplitPairs("train", tuple(replace(PAIR, id=str(number)) for number in range(8)))
    options = AugmentationOptions(synonyms=0.5, word_dropout=0.2)
    first = AugmentedPairs(pairs, options, thesaurus=news_thesaurus())
    resumed = AugmentedPairs(pairs, options, thesaurus=news_thesaurus())
    epochs = [list(first.epoch(epoch)) for epoch in range(2)]
    assert len(first) == len(epochs[0]) == 8
    assert [resumed.pair(place, epoch=1) for place in (5, 2)] == [epochs[1][5], epochs[1][2]]
    assert epochs[0] != epochs[1]
    assert len({pair.body for pair in epochs[0]}) > 1
    other_seed = AugmentedPairs(pairs, replace(options, seed=1), thesaurus=news_thesaurus())
    assert list(other_seed.epoch(0)) != epochs[0]


def test_chinese_loses_no_characters_of_its_words() -> None:
    pair = Pair(id="z", headline="港口罢工", body="港口工人罢工。船只等待。", language="zh")
    assert varied(replace(NOTHING, word_dropout=1.0, synonyms=1.0), pair) == pair


@given(
    body=st.text(alphabet="bcg kq'.!-\n汉。", max_size=60),
    summary=st.text(alphabet="bcg k", max_size=12),
    epoch=st.integers(0, 3),
)
def test_all_that_supports_the_target_stays(body: str, summary: str, epoch: int) -> None:
    options = AugmentationOptions(synonyms=1, word_dropout=0.5, sentence_dropout=0.9, sentence_shuffling=1)
    pair = Pair(id="h", headline="b", body=body, summary=summary, language="en")
    result = varied(options, pair, epoch=epoch)
    target = set(analyze(summary or "b", "en"))
    assert (result.id, result.summary) == (pair.id, pair.summary)
    assert target & set(analyze(result.body, "en")) == target & set(analyze(body, "en"))
