"""Tests of gistwire_indexer.sources.feed."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources import RawArticle, SourceRecord
from gistwire_indexer.sources import feed as feed_module
from gistwire_indexer.sources.feed import parse_feed, read_feed

RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>Wire é</title><language>en-us</language>
<item>
<title>Rates &amp;amp; prices rise</title><link>https://example.com/a</link><guid>https://example.com/?p=1</guid>
<description>Short.</description><content:encoded><![CDATA[<p>Whole &amp; long.</p>]]></content:encoded>
<pubDate>Sat, 01 Aug 2026 10:20:30 +0200</pubDate><category>money</category><category>banks</category>
<dc:creator>A. Writer</dc:creator>
</item>
<item><title>Second</title><link>/relative</link><guid isPermaLink="false">17</guid>
<description>Short.</description><pubDate>soon</pubDate></item>
</channel></rss>"""

ATOM = b"""<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Wire</title>
<entry><id>tag:example.com,2026:1</id><title type="html">Rates &lt;b&gt;rise&lt;/b&gt;</title>
<link href="https://example.com/a"/><updated>2026-08-01T10:20:30Z</updated><summary>Short.</summary></entry>
</feed>"""


def read(data: bytes) -> list[SourceRecord]:
    return list(read_feed(io.BytesIO(data), origin="test"))


def articles(data: bytes) -> list[RawArticle]:
    return [record.fields for record in read(data) if record.fields]


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16"])
def test_rss(encoding: str) -> None:
    first, second = articles(RSS.format(encoding=encoding).encode(encoding))
    assert first == RawArticle(
        id="https://example.com/?p=1",
        headline="Rates &amp; prices rise",
        body="<p>Whole &amp; long.</p>",
        url="https://example.com/a",
        source="Wire é",
        language="en-us",
        category="money",
        published=datetime(2026, 8, 1, 8, 20, 30, tzinfo=UTC),
        metadata={"author": "A. Writer"},
    )
    assert second.body == "Short."
    assert second.published == "soon"
    assert second.url == ""
    assert second.metadata == {"link": "/relative"}


def test_atom() -> None:
    (article,) = articles(ATOM)
    assert article.id == "tag:example.com,2026:1"
    assert article.headline == "Rates <b>rise</b>"
    assert article.url == "https://example.com/a"
    assert article.published == datetime(2026, 8, 1, 10, 20, 30, tzinfo=UTC)


def test_records_of_feeds_have_no_line_but_their_fields_as_text() -> None:
    (record,) = read(ATOM)
    assert record.line is None
    assert "tag:example.com,2026:1" in record.raw


def test_identifiers_that_an_article_cannot_have_or_share_are_hashed_with_the_feed() -> None:
    def identifier(guid: str, title: str = "Wire") -> str:
        channel = f"<title>{title}</title><item><guid>{guid}</guid></item>"
        return articles(f"<rss version='2.0'><channel>{channel}</channel></rss>".encode())[0].id

    given = ["17", "urn:two words", "urn:" + "x" * 200]
    hashed = [identifier(guid) for guid in given]
    assert all(len(id_) == 24 and id_.isalnum() for id_ in hashed)
    assert len(set(hashed)) == 3
    assert identifier("17") == identifier("17")
    assert identifier("17", "Other") != identifier("17", "Wire")
    assert identifier("urn:17") == "urn:17"


def test_an_entry_without_identifier_has_none() -> None:
    data = b"<rss version='2.0'><channel><item><title>Rates rise</title></item></channel></rss>"
    assert articles(data)[0].id == ""


def test_a_feed_that_is_cut_short_gives_what_it_has() -> None:
    data = RSS.format(encoding="utf-8").encode()
    assert articles(data[: data.index(b"<item><title>Second")])[0].headline == "Rates &amp; prices rise"


@pytest.mark.parametrize("data", [b"", b"no feed", b"<html><body>Not found</body></html>", b'{"a": 1}'])
def test_what_is_no_feed_is_an_error(data: bytes) -> None:
    with pytest.raises(SourceError, match="not an RSS or Atom feed"):
        read(data)


def test_a_feed_over_the_limit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "MAX_FEED_BYTES", len(ATOM) - 1)
    with pytest.raises(SourceError, match="longer than"):
        read(ATOM)


def test_external_entities_are_not_read() -> None:
    data = (
        b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
        b"<rss version='2.0'><channel><item><title>x &secret; y</title></item></channel></rss>"
    )
    assert "root:" not in "".join(article.headline for article in articles(data))


def test_deleted_entries_have_the_identifiers_of_articles() -> None:
    tombstones = "".join(
        f'<t:deleted-entry ref="{ref}" when="2026-10-05T09:00:00Z"/>' for ref in ("urn:w:1", "17")
    )
    quoted = (
        '<entry><id>17</id><title>A</title><content>&lt;t:deleted-entry ref="urn:w:3"/></content></entry>'
    )
    feed = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:t="http://purl.org/atompub/tombstones/1.0">'
        f"<title>Wire</title>{tombstones}{quoted}</feed>"
    )
    parsed = parse_feed(feed.encode(), origin="test")
    (record,) = parsed.records
    assert record.fields is not None
    assert parsed.deleted_ids == ["urn:w:1", record.fields.id]


def test_deleted_entries_count_only_in_their_own_vocabulary_and_in_well_formed_xml() -> None:
    other = '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:t="urn:other"><t:deleted-entry ref="urn:w:1"/></feed>'
    assert parse_feed(other.encode(), origin="test").deleted_ids == []
    broken = b"<rss version='2.0'><channel><title>deleted-entry</title><item></channel>"
    assert parse_feed(broken, origin="test").deleted_ids == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("<ttl>90</ttl>", timedelta(minutes=90)),
        ("<ttl>often</ttl>", None),
        ("<sy:updatePeriod>Daily</sy:updatePeriod>", timedelta(days=1)),
        (
            "<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>",
            timedelta(minutes=15),
        ),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", None),
        ("<sy:updatePeriod>sometimes</sy:updatePeriod>", None),
        ("", None),
    ],
)
def test_how_often_a_feed_says_that_it_changes(said: str, expected: timedelta | None) -> None:
    feed = (
        '<rss version="2.0" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">'
        f"<channel><title>Wire</title>{said}</channel></rss>"
    )
    assert parse_feed(feed.encode(), origin="test").update_interval == expected
