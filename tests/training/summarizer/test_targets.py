from collections.abc import Iterator

import pytest
from gistwire_training.pairs import Pair
from gistwire_training.summarizer.targets import compressed_summary

BODY = (
    "The city council voted on Tuesday to close the old harbour bridge for repairs, according to two officials. "
    "Drivers will have to use the northern tunnel for eleven months. "
    "It was built in 1931. "
    "A band played at the meeting and people ate cake in the sun outside."
)


def _pair(headline: str, body: str = BODY) -> Pair:
    return Pair(id="1", headline=headline, body=body, language="en")


def test_says_what_the_headline_says_in_fewer_words() -> None:
    summary = compressed_summary(_pair("Council closes harbour bridge"))
    assert summary.startswith("The city council voted to close the old harbour bridge for repairs")
    assert "officials" not in summary


def test_the_headline_decides_which_sentence() -> None:
    assert compressed_summary(_pair("Northern tunnel to take drivers for months")).startswith("Drivers will")


def test_keeps_the_articles_order() -> None:
    summary = compressed_summary(_pair("Council closes harbour bridge; drivers to use northern tunnel"))
    assert 0 <= summary.find("council") < summary.find("tunnel")


def test_is_made_of_the_articles_words() -> None:
    left: Iterator[str] = iter(str(BODY).lower().replace(".", "").replace(",", "").split())
    summary = compressed_summary(_pair("Council closes harbour bridge"))
    assert all(word in left for word in summary.lower().replace(".", "").replace(",", "").split())


@pytest.mark.parametrize("body", ["", "Too short.", " ".join(["word"] * 61) + "."])
def test_without_a_fit_sentence_there_is_none(body: str) -> None:
    assert compressed_summary(_pair("Council closes harbour bridge", body)) == ""


def test_a_sentence_that_leans_on_another_is_no_summary() -> None:
    leaning = "It will close the harbour bridge of the city for repairs."
    standing = "Builders will close the harbour bridge of the city for repairs."
    body = f"Officials met for talks in the old town hall this week. {leaning} {standing}"
    assert compressed_summary(_pair("Harbour bridge of the city", body)) == standing
