"""Tests of gistwire_indexer.crawler.state."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gistwire_indexer.crawler.robots import StoredRobots
from gistwire_indexer.crawler.state import CrawlState
from gistwire_indexer.crawler.state_rows import ArticleState, FeedState, FoundArticle
from gistwire_indexer.errors import CrawlStateError
from gistwire_indexer.sources.record import RawArticle

NOW = datetime(2026, 10, 5, 8, 0, 0, 250_000, tzinfo=UTC)
FEED = "https://wire.example/feed"
SENT = RawArticle(
    id="a1",
    headline="H",
    body="B",
    url="https://wire.example/a",
    published="2026-10-05T08:00:00+00:00",
    metadata={"author": "A"},
)
ARTICLE = ArticleState(
    id="a1",
    feed=FEED,
    entry_hash="h",
    wants_page_text=True,
    page_etag='"1"',
    page_last_modified="Mon",
    page_due=NOW + timedelta(hours=2),
    page_checks_end=NOW + timedelta(days=1),
    page_missing_since=NOW,
    sent=SENT,
)


def test_what_is_kept_is_there_after_it_was_opened_again(tmp_path: Path) -> None:
    feed = FeedState(
        location="https://new.example/",
        etag='"1"',
        last_modified="Mon",
        due=NOW,
        failures=3,
        update_interval=timedelta(hours=1),
        stopped=True,
    )
    robots = StoredRobots("User-agent: *", NOW)
    with CrawlState(tmp_path / "new folder" / "state") as state:
        state.save_feed(FEED, feed)
        state.save_article(ARTICLE, own_keys=["url:a"], seen=NOW)
        state.save_robots("https://wire.example", robots)
    with CrawlState(tmp_path / "new folder" / "state") as state:
        assert state.feed(FEED, now=NOW) == feed
        assert state.find_article(["url:a"]) == FoundArticle(ARTICLE, own=True)
        assert state.robots("https://wire.example") == robots


def test_what_is_not_known_is_new(state: CrawlState) -> None:
    assert state.feed(FEED, now=NOW) == FeedState(location=FEED, due=NOW)
    assert state.find_article(["url:a"]) is None
    assert state.robots("https://wire.example") is None


def test_own_keys_count_before_those_of_duplicates_and_keys_stay_with_who_had_them(state: CrawlState) -> None:
    other = replace(ARTICLE, id="a2")
    state.save_article(ARTICLE, own_keys=["url:a"], other_keys=["url:x"], seen=NOW)
    state.save_article(other, own_keys=["url:a", "url:b"], seen=NOW)
    assert state.find_article(["url:a"]) == FoundArticle(ARTICLE, own=True)
    assert state.find_article(["url:x", "url:b"]) == FoundArticle(other, own=True)
    assert state.find_article(["url:x"]) == FoundArticle(ARTICLE, own=False)
    state.see_article("a2", ["guid:2"], own=True, seen=NOW)
    state.see_article("a2", ["guid:3"], own=False, seen=NOW)
    assert state.keys_of("a2") == ["guid:2", "guid:3", "url:b"]


def test_what_was_sent_is_kept_only_while_the_page_is_looked_at(state: CrawlState) -> None:
    state.save_article(replace(ARTICLE, page_due=None), own_keys=["url:a"], seen=NOW)
    found = state.find_article(["url:a"])
    assert found is not None
    assert found.state.sent is None


def test_pages_are_due_in_their_order(state: CrawlState) -> None:
    for number, hours in enumerate((3, 1, 2, 9)):
        due = NOW + timedelta(hours=hours)
        state.save_article(replace(ARTICLE, id=f"a{number}", page_due=due), seen=NOW)
    state.save_article(replace(ARTICLE, id="elsewhere", feed="https://other.example/"), seen=NOW)
    assert state.pages_due(FEED, NOW + timedelta(hours=3), limit=10) == ["a1", "a2", "a0"]
    assert state.pages_due(FEED, NOW + timedelta(hours=3), limit=2) == ["a1", "a2"]


def test_what_no_feed_has_had_for_long_is_forgotten(state: CrawlState) -> None:
    later = NOW + timedelta(days=1)
    state.save_article(ARTICLE, own_keys=["url:a"], seen=NOW)
    state.save_article(replace(ARTICLE, id="a2"), own_keys=["url:b"], seen=NOW)
    state.see_article("a2", [], own=True, seen=later)
    state.save_robots("https://old.example", StoredRobots("", NOW))
    state.save_robots("https://new.example", StoredRobots("", later))
    state.forget(unseen_since=later)
    assert state.find_article(["url:a"]) is None
    assert state.find_article(["url:b"]) is not None
    assert state.keys_of("a1") == []
    assert state.robots("https://old.example") is None
    assert state.robots("https://new.example") is not None


def test_two_crawlers_cannot_share_a_file(tmp_path: Path) -> None:
    with CrawlState(tmp_path / "state"), pytest.raises(CrawlStateError, match="another crawler uses it"):
        CrawlState(tmp_path / "state")
    CrawlState(tmp_path / "state").close()


def test_a_file_that_is_none_of_ours_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("This is no database, but it is long enough for a header of one." * 20)
    with pytest.raises(CrawlStateError, match="not a database"):
        CrawlState(tmp_path / "text")
    with sqlite3.connect(tmp_path / "newer") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(CrawlStateError, match="another version"):
        CrawlState(tmp_path / "newer")
    with pytest.raises(CrawlStateError):
        CrawlState(tmp_path / "text" / "state")


def test_after_an_error_it_can_be_used_and_after_closing_it_cannot(state: CrawlState) -> None:
    with pytest.raises(UnicodeEncodeError):
        state.save_article(ARTICLE, own_keys=["url:a", "\ud800"], seen=NOW)
    assert state.find_article(["url:a"]) is None
    state.close()
    state.close()
    with pytest.raises(CrawlStateError):
        state.keys_of("a1")
