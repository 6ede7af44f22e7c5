"""Tests of the queries that headlines become."""

import msgspec
from gistwire_training.encoder.queries import TrainingQueries
from gistwire_training.encoder.recipe import EncoderRecipe
from gistwire_training.pairs import Pair
from hypothesis import given
from hypothesis import strategies as st

HEADLINE: str = "Union Announced The Strike At 3 Ports, Minister Says"
PAIRS = [
    Pair(
        id=str(number),
        headline=HEADLINE,
        body="Dockers will strike.",
        summary="Dockers strike.",
        language="en",
    )
    for number in range(40)
]
ALWAYS = EncoderRecipe(query_variation=1.0, query_synonyms=0.0, query_word_dropout=0.0)


def queries(recipe: EncoderRecipe, *, epoch: int = 0) -> list[str]:
    made = TrainingQueries(PAIRS, recipe)
    return [made.at(place, epoch=epoch) for place in range(len(PAIRS))]


def test_a_share_of_the_headlines_is_varied_and_others_in_each_pass() -> None:
    recipe = msgspec.structs.replace(ALWAYS, query_variation=0.5)
    first, second = queries(recipe), queries(recipe, epoch=1)
    assert set(first) == {HEADLINE, HEADLINE.lower()}
    assert 10 < first.count(HEADLINE) < 30
    assert first != second
    assert queries(recipe) == first
    assert queries(msgspec.structs.replace(recipe, seed=2)) != first


def test_without_variation_queries_are_the_headlines() -> None:
    recipe = msgspec.structs.replace(ALWAYS, query_variation=0.0, query_word_dropout=0.9)
    assert queries(recipe) == [HEADLINE] * len(PAIRS)


def test_words_are_left_out_whatever_the_body_and_the_summary_say() -> None:
    made = queries(msgspec.structs.replace(ALWAYS, query_word_dropout=0.5))
    words = HEADLINE.lower().replace(",", "").split()
    for query in made:
        places = [words.index(word) for word in query.replace(",", " ").split()]
        assert places == sorted(places)
    assert any("strike" not in query for query in made)
    assert all("3" in query for query in made)


def test_words_that_the_thesaurus_knows_are_replaced() -> None:
    made = queries(msgspec.structs.replace(ALWAYS, query_synonyms=1.0))
    assert all("announced" not in query for query in made)
    assert any("declared" in query for query in made)
    assert any("disclosed" in query for query in made)


@given(st.text(max_size=40), st.floats(0, 0.99))
def test_no_query_is_without_words_where_its_headline_has_some(headline: str, word_dropout: float) -> None:
    recipe = msgspec.structs.replace(ALWAYS, query_word_dropout=word_dropout)
    query = TrainingQueries([Pair(id="0", headline=headline, language="en")], recipe).at(0, epoch=0)
    assert any(map(str.isalnum, query)) == any(map(str.isalnum, headline))
