"""Tests of gistwire_indexer.preprocessing."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from gistwire_indexer.article import derive_id
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.preprocessing import preprocess
from gistwire_indexer.sources import RawArticle
from hypothesis import given
from hypothesis import strategies as st


def test_every_field_is_cleaned() -> None:
    article = preprocess(
        RawArticle(
            id=" a-1\u200b\n",
            headline="<b>Solar</b>  &amp; wind\n",
            body="<p>One.</p><p>Two.</p>",
            url=" https://example.com/a ",
            source="The\tWire",
            language="en-GB",
            category="Energy &amp; climate",
            published="2026-08-01T10:00:00+02:00",
            metadata={" author\x00 ": "A\u202e & <B>", "": "nameless"},
        )
    )
    assert article.id == "a-1"
    assert article.headline == "Solar & wind"
    assert article.body == "One.\nTwo."
    assert article.url == "https://example.com/a"
    assert article.source == "The Wire"
    assert article.language == "en"
    assert article.category == "Energy & climate"
    assert article.published == datetime(2026, 8, 1, 8, tzinfo=UTC)
    assert article.metadata == {"author": "A & <B>"}


def test_a_missing_identifier_is_derived_from_clean_fields() -> None:
    article = preprocess(RawArticle(headline="<i>Rates</i> rise", source="Wire "))
    assert article.id == derive_id(url="", headline="Rates rise", source="Wire")


@pytest.mark.parametrize("declared", ["", "und", "klingonese"])
def test_a_language_that_is_not_declared_is_identified(declared: str) -> None:
    headline = "Le gouvernement annonce une réforme des retraites"
    assert preprocess(RawArticle(headline=headline, language=declared)).language == "fr"


def test_a_declared_language_is_believed() -> None:
    assert (
        preprocess(RawArticle(headline="Le gouvernement annonce une réforme", language="eng")).language
        == "en"
    )


@pytest.mark.parametrize("body", ["Rates rise again.", "RATES RISE, AGAIN", "<p>Rates rise again</p>"])
def test_a_body_that_repeats_the_headline_is_left_out(body: str) -> None:
    assert preprocess(RawArticle(headline="Rates rise again", body=body)).body == ""


def test_a_body_that_begins_with_the_headline_is_kept() -> None:
    assert (
        preprocess(RawArticle(headline="Rates rise", body="Rates rise. Banks fall.")).body
        == "Rates rise. Banks fall."
    )


def test_a_time_that_cannot_be_read_becomes_metadata() -> None:
    article = preprocess(RawArticle(headline="Rates rise", published="last week"))
    assert article.published is None
    assert article.metadata == {"published": "last week"}


def test_times_are_made_utc() -> None:
    naive = preprocess(RawArticle(headline="Rates rise", published=datetime(2026, 8, 1)))
    assert naive.published == datetime(2026, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (RawArticle(headline=" <b></b> "), "headline"),
        (RawArticle(headline="x" * 1_001), "headline"),
        (RawArticle(headline="x", body="word " * 50_000), "body"),
        (RawArticle(headline="x", id="two words"), "id"),
        (RawArticle(headline="x", url="javascript:alert(1)"), "url"),
        (RawArticle(headline="x", source="s" * 201), "source"),
        (RawArticle(headline="x", metadata={str(number): "x" for number in range(65)}), "metadata"),
        (
            RawArticle(headline="x", published=datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))),
            "published",
        ),
    ],
)
def test_a_field_that_breaks_its_limits_is_named(raw: RawArticle, field: str) -> None:
    with pytest.raises(ArticleError) as caught:
        preprocess(raw)
    assert caught.value.field == field


@given(
    st.builds(
        RawArticle,
        headline=st.text(min_size=1),
        body=st.text(),
        source=st.text(),
        language=st.sampled_from(["en", "zh"]),
        published=st.one_of(st.none(), st.text(), st.datetimes()),
        metadata=st.dictionaries(st.text(), st.text(), max_size=3),
    )
)
def test_preprocessing_an_article_again_changes_nothing(raw: RawArticle) -> None:
    try:
        article = preprocess(raw)
    except ArticleError:
        return
    again = preprocess(
        RawArticle(
            id=article.id,
            headline=article.headline,
            body=article.body,
            source=article.source,
            language=article.language,
            category=article.category,
            published=article.published,
            metadata=article.metadata,
        )
    )
    assert again.revision() == article.revision()
