"""Tests of gistwire_indexer.crawler.entry."""

from datetime import UTC, datetime

from gistwire_indexer.article import derive_id
from gistwire_indexer.crawler.configuration import FeedConfiguration
from gistwire_indexer.crawler.entry import MAX_ENTRIES, Entry, entries_of
from gistwire_indexer.sources.feed import FeedDocument
from gistwire_indexer.sources.record import RawArticle, SourceRecord
from hypothesis import given
from hypothesis import strategies as st

FEED = FeedConfiguration(url="https://wire.example/feed")
LINK = "https://wire.example/a"


def entries(*articles: RawArticle, feed: FeedConfiguration = FEED) -> list[Entry]:
    records = [SourceRecord.of(feed.url, None, "raw", article) for article in articles]
    return entries_of(FeedDocument(records, [], None), feed, base_url="https://wire.example/feeds/1")


def entry(**fields: object) -> Entry:
    (only,) = entries(RawArticle(**{"headline": "H", **fields}))  # type: ignore[arg-type]
    return only


def test_the_identifier_is_derived_from_the_canonical_address() -> None:
    tracked = entry(id="urn:w:1", url=f"{LINK}?utm_source=rss")
    assert tracked.article.url == LINK
    assert tracked.article.id == derive_id(url=LINK, headline="", source="")
    assert set(tracked.keys) == {f"url:{LINK}", "guid:urn:w:1"}


def test_without_an_address_the_guid_or_the_headline_identifies() -> None:
    assert entry(id="urn:w:1").article.id == "urn:w:1"
    assert entry(id="urn:w:1").keys == ("guid:urn:w:1",)
    assert entry(source="S").article.id == derive_id(url="", headline="H", source="S")
    assert len(entry().keys) == 1


def test_relative_links_are_relative_to_the_feed() -> None:
    assert entry(metadata={"link": "../b#c"}).article.url == "https://wire.example/b"
    assert entry(metadata={"link": "javascript:alert(1)"}).article.url == ""
    assert entry(metadata={"link": "//[", "author": "A"}).article.metadata == {"author": "A"}


def test_a_link_that_several_entries_share_names_none_of_them() -> None:
    first, second = entries(
        RawArticle(id="urn:w:1", headline="First", url=LINK),
        RawArticle(id="urn:w:2", headline="Second", url=LINK),
    )
    assert [first.article.id, second.article.id] == ["urn:w:1", "urn:w:2"]
    front = entry(id="urn:w:1", url="https://wire.example/?utm_source=rss")
    assert front.keys == ("guid:urn:w:1",)


def test_of_an_entry_that_is_there_twice_the_first_counts() -> None:
    (only,) = entries(
        RawArticle(id="urn:w:1", headline="Newer", url=LINK),
        RawArticle(id="urn:w:1", headline="Older", url=f"{LINK}?old"),
    )
    assert only.article.headline == "Newer"


def test_what_is_configured_wins_over_what_the_feed_says() -> None:
    said = RawArticle(headline="H", url=LINK, source="Feed", language="de", category="x")
    configured = FeedConfiguration(url=FEED.url, name="Wire", language="en", category="business")
    (plain,), (set_,) = entries(said), entries(said, feed=configured)
    assert (plain.article.source, plain.article.language, plain.article.category) == ("Feed", "de", "x")
    assert (set_.article.source, set_.article.language, set_.article.category) == ("Wire", "en", "business")


def test_the_hash_changes_with_every_field_and_with_nothing_else() -> None:
    fields: dict[str, object] = {
        "headline": "Other",
        "body": "Other",
        "url": f"{LINK}/other",
        "source": "Other",
        "language": "de",
        "category": "other",
        "published": datetime(2026, 1, 2, tzinfo=UTC),
        "metadata": {"author": "Other"},
    }
    hashes = {entry(**{"url": LINK, name: value}).content_hash for name, value in fields.items()}
    assert len(hashes | {entry(url=LINK).content_hash}) == len(fields) + 1
    assert entry(url=LINK, id="urn:w:1").content_hash == entry(url=f"{LINK}?gclid=1").content_hash


def test_a_feed_without_end_is_read_from_its_beginning() -> None:
    many = [RawArticle(id=f"urn:w:{number}", headline="H") for number in range(MAX_ENTRIES + 5)]
    read = entries(*many)
    assert len(read) == MAX_ENTRIES
    assert read[0].article.id == "urn:w:0"


_TEXT = st.text(st.characters(), max_size=20)


@given(
    st.lists(
        st.builds(
            RawArticle,
            id=_TEXT,
            headline=_TEXT,
            url=_TEXT | _TEXT.map("https://wire.example/{}".format),
            published=_TEXT,
            metadata=st.dictionaries(st.sampled_from(["link", "author"]), _TEXT),
        ),
        max_size=5,
    )
)
def test_entries_of_any_text_are_distinct_and_can_be_stored(articles: list[RawArticle]) -> None:
    read = entries(*articles)
    keys = [key for each in read for key in each.keys]
    assert len(keys) == len(set(keys))
    for each in read:
        assert each.keys
        f"{each.keys}{each.article}".encode()
