"""Tests of gistwire_client.source_articles: what becomes of an article on its way from a source."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from gistwire_client.source_articles import to_message
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.sources import RawArticle
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("published", "sent"),
    [
        ("2026-10-05T08:00:00+02:00", "2026-10-05T06:00:00Z"),
        (datetime(2026, 10, 5, 8, tzinfo=timezone(timedelta(hours=2))), "2026-10-05T06:00:00Z"),
        (datetime(2026, 10, 5, 8, tzinfo=UTC), "2026-10-05T08:00:00Z"),
    ],
)
def test_times_are_sent_in_utc(published: str | datetime, sent: str) -> None:
    message = to_message(RawArticle(headline="News", published=published))
    assert message.published.ToJsonString() == sent


def test_a_time_that_cannot_be_read_is_kept_as_metadata() -> None:
    message = to_message(RawArticle(headline="News", published="soon"))
    assert not message.HasField("published")
    assert dict(message.metadata) == {"published": "soon"}
    kept = to_message(RawArticle(headline="News", published="soon", metadata={"published": "earlier"}))
    assert dict(kept.metadata) == {"published": "earlier"}


def test_a_time_out_of_range_is_refused() -> None:
    first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    with pytest.raises(ArticleError) as raised:
        to_message(RawArticle(headline="News", published=first))
    assert raised.value.field == "published"


def test_an_article_too_large_to_be_sent_is_refused() -> None:
    with pytest.raises(ArticleError, match="maximum"):
        to_message(RawArticle(headline="News", body="x" * (3 * 1024 * 1024)))


_any_text = st.text(st.characters(), max_size=20)


@given(_any_text, _any_text, st.dictionaries(_any_text, _any_text, max_size=3))
def test_lone_surrogates_are_left_out_of_every_field(
    headline: str, category: str, metadata: dict[str, str]
) -> None:
    message = to_message(RawArticle(headline=headline, category=category, metadata=metadata))
    assert message.headline == headline.encode("utf-8", "ignore").decode()
    assert message.category == category.encode("utf-8", "ignore").decode()
    assert message.IsInitialized()
