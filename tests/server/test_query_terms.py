"""The terms of a query, language by language."""

import pytest
from gistwire_indexer.analysis import analyze, analyze_query
from gistwire_server.query_terms import QueryTerms
from hypothesis import given
from hypothesis import strategies as st


@given(
    st.text(st.sampled_from("aeinrst lección’.élf风力發電한국1,0Straße "), max_size=40),
    st.text(st.sampled_from("aeinrst lección’.élf风力發電한국1,0Straße "), max_size=40),
    st.sampled_from(["en", "de", "es", "fr", "zh", "und"]),
)
def test_what_an_article_shares_with_the_query_is_what_it_shares_with_its_terms_in_all_languages(
    query: str, text: str, language: str
) -> None:
    article = set(analyze(text, language))
    assert QueryTerms(query).in_articles(language) & article == set(analyze_query(query)) & article


@pytest.mark.parametrize("language", ["en", "und"])
def test_english_stems_are_looked_for_where_the_language_is_not_known(language: str) -> None:
    assert "elect" in QueryTerms("elections").in_articles(language)


def test_stems_of_other_languages_are_left_out() -> None:
    assert QueryTerms("elections").in_articles("de") == {"elections", "de:election", "elect"}
