"""Tests of gistwire_server.joins, on sentences of an invented article."""

import pytest
from gistwire_server.joins import JoinIndex
from hypothesis import given
from hypothesis import strategies as st

HEADLINE = "Port Ellery dockworkers end strike"
BODY = (
    "The number of vessels waiting outside Port Ellery rose to 41 on Tuesday, the fourth day of a dock strike that "
    "has closed all five container terminals, the harbour master's office said. "
    "Cranes will start moving again at 6 a.m. after union members accepted a deal that halves the number of cranes "
    "to be automated, ending an eight-day stoppage. "
    'Shippers had sent "dozens" of ships to Brackwater, 180 km to the north.'
)
JOINS = JoinIndex(HEADLINE, BODY)


@pytest.mark.parametrize(
    "summary",
    [
        # phrases left out
        "The number of vessels waiting outside Port Ellery rose to 41, the fourth day of a dock strike.",
        "Cranes will start moving again after union members accepted a deal, ending an eight-day stoppage.",
        "Vessels waiting outside Port Ellery rose to 41.",
        "The harbour master's office said.",
        # a sentence that begins in the middle of another
        "Union members accepted a deal that halves the number of cranes to be automated.",
        # two sentences, and two parts joined by a word
        "Cranes will start moving again at 6 a.m. Shippers had sent dozens of ships to Brackwater.",
        "The number of vessels waiting outside Port Ellery rose to 41, and union members accepted a deal.",
        # the headline may be used
        "Port Ellery dockworkers end strike after union members accepted a deal.",
    ],
)
def test_runs_that_meet_where_phrases_end_hang_together(summary: str) -> None:
    assert JOINS.broken_places(summary) == []


@pytest.mark.parametrize(
    ("summary", "places"),
    [
        # within a phrase
        ("A dock strike that has closed all five container at Brackwater.", ["at brackwater"]),
        ("The number of vessels rose to 41 on Tuesday, the day of a dock strike.", ["the day"]),
        # a form of a word that the article does not have
        ("Union members accepted a deal that halves the number of crane to be automated.", ["of crane"]),
        # backwards
        ("A deal that halves the number of cranes accepted after union members.", ["cranes accepted"]),
        # parts of two sentences with nothing between them
        ("Cranes will start moving the harbour master's office said.", ["moving the"]),
        # what is done to nothing
        ("Union members accepted.", ["accepted ."]),
        # articles, and marks that nobody writes side by side
        ("Union members accepted a deal, ending a eight-day stoppage.", ["a eight"]),
        ("Union members accepted a deal..", [". ."]),
        # unfinished
        ("Union members accepted a deal", ["deal"]),
    ],
)
def test_a_broken_place_is_named(summary: str, places: list[str]) -> None:
    found = JOINS.broken_places(summary)
    assert set(places) <= set(found)


@given(st.sampled_from(BODY.split(". ")))
def test_sentences_of_the_article_are_whole(sentence: str) -> None:
    assert JOINS.broken_places(sentence.rstrip(".") + ".") == []


@given(st.lists(st.sampled_from([*BODY.split(), "and", "an", "foreign"]), max_size=30).map(" ".join))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert all(place for place in JOINS.broken_places(text))


def test_an_empty_article_supports_function_words_alone() -> None:
    assert JoinIndex("", "").broken_places("Nothing.") == ["nothing"]
    assert JoinIndex("", "").broken_places("") == []


def test_of_a_long_article_the_beginning_is_looked_at() -> None:
    # Without a limit this takes half a minute.
    endless = JoinIndex("", "Word and word. " * 20_000 + "Its end.")
    assert endless.broken_places("Word and word. " * 15) == []
    assert endless.broken_places("Its end.") != []


def test_a_word_that_the_article_has_often_is_copied_from_wherever_it_stands() -> None:
    joins = JoinIndex("", "The mayor said the word. " * 40 + "Later she closed the harbour on Monday.")
    assert joins.broken_places("Later she closed the harbour on Monday.") == []


@pytest.mark.parametrize("end", ["'we will go.'", "(it is over.)", "we wait…", "we wait..."])
def test_a_sentence_may_end_in_more_than_a_stop(end: str) -> None:
    assert JoinIndex("", f"The mayor said {end}").broken_places(f"The mayor said {end}") == []
