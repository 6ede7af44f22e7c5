"""Tests of gistwire_indexer.crawler.crawler: feeds, over a server on the loopback address."""

import asyncio
import gzip
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from gistwire_indexer.article import derive_id
from gistwire_indexer.crawler import Crawler, CrawlState, FeedOutcome, FeedReport
from gistwire_indexer.crawler.configuration import CrawlConfiguration, CrawlSettings
from gistwire_indexer.crawler.duration import Duration
from gistwire_indexer.dead_letter import DeadLetterFile
from gistwire_indexer.errors import IndexUnavailableError

from tests.indexer.crawler.conftest import CrawlBench
from tests.indexer.crawler.site import Answer, item, rss


async def test_new_articles_are_indexed_and_a_feed_is_not_asked_before_it_is_due(bench: CrawlBench) -> None:
    bench.site.answers["wire.example/feed"] = rss(
        item("https://wire.example/a?utm_source=rss#top", "First"), item("/b", "Second")
    )
    feed = bench.feed("wire.example/feed", name="Example Wire", category="ports", every=Duration(minutes=15))
    (report,) = await bench.crawl(feed)
    assert (report.outcome, report.new, report.updated) == (FeedOutcome.READ, 2, 0)
    assert report.next_due == bench.time.time + timedelta(minutes=15)
    first = next(article for article in bench.sink.articles.values() if article.headline == "First")
    assert first.url == "https://wire.example/a"
    assert first.id == derive_id(url="https://wire.example/a", headline="", source="")
    assert (first.source, first.category) == ("Example Wire", "ports")
    assert bench.site.url("wire.example/b") in {article.url for article in bench.sink.articles.values()}
    assert await bench.crawl(feed) == []
    assert bench.site.asked == ["wire.example/feed"]


async def test_the_crawler_names_itself(bench: CrawlBench) -> None:
    bench.site.answers["wire.example/feed"] = rss(item("https://wire.example/a"))
    await bench.crawl(bench.feed("wire.example/feed"))
    agents = {request.headers["user-agent"] for request in bench.site.requests}
    assert agents == {"Gistwire/0.1 (+https://crawler.example/)"}


async def test_a_feed_that_did_not_change_is_not_read_again(bench: CrawlBench) -> None:
    bench.site.answers["wire.example/feed"] = rss(
        item("https://wire.example/a"), ETag='"1"', Last_Modified="Mon, 05 Oct 2026 07:00:00 GMT"
    )
    feed = bench.feed("wire.example/feed")
    await bench.crawl(feed)
    bench.time.advance(hours=1)
    (report,) = await bench.crawl(feed)
    assert report.outcome is FeedOutcome.NOT_MODIFIED
    assert bench.site.requests[-1].headers["if-none-match"] == '"1"'
    assert bench.site.requests[-1].headers["if-modified-since"] == "Mon, 05 Oct 2026 07:00:00 GMT"
    assert len(bench.sink.upserts) == 1


async def test_a_correction_is_indexed_and_what_scrolls_out_stays(bench: CrawlBench) -> None:
    feed = bench.feed("wire.example/feed")
    bench.site.answers["wire.example/feed"] = rss(
        item("https://wire.example/a", "Frist"), item("https://wire.example/b", "Second")
    )
    await bench.crawl(feed)
    bench.site.answers["wire.example/feed"] = rss(item("https://wire.example/a", "First"))
    bench.time.advance(hours=1)
    (report,) = await bench.crawl(feed)
    assert (report.new, report.updated, report.unchanged, report.removed) == (0, 1, 0, 0)
    assert bench.sink.headlines == ["First", "Second"]


async def test_an_entry_that_moves_keeps_its_article(bench: CrawlBench) -> None:
    feed = bench.feed("wire.example/feed")
    bench.site.answers["wire.example/feed"] = rss(item("https://wire.example/frist", guid="urn:w:1"))
    await bench.crawl(feed)
    bench.site.answers["wire.example/feed"] = rss(item("https://wire.example/first", guid="urn:w:1"))
    bench.time.advance(hours=1)
    await bench.crawl(feed)
    (article,) = bench.sink.articles.values()
    assert article.url == "https://wire.example/first"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (item("https://wire.example/a", "One"), item("https://WIRE.example:443/a?utm_medium=x", "Other")),
        (
            item("https://wire.example/a", "One", guid="urn:w:1"),
            item("https://wire.example/b", "Other", guid="urn:w:1"),
        ),
    ],
    ids=["address", "guid"],
)
async def test_an_article_in_two_feeds_is_the_first_ones(bench: CrawlBench, one: str, other: str) -> None:
    bench.site.answers |= {"one.example/feed": rss(one), "other.example/feed": rss(other)}
    feeds = [bench.feed("one.example/feed"), bench.feed("other.example/feed")]
    await bench.crawl(feeds[0])
    for _ in range(2):
        report = (await bench.crawl(*feeds))[-1]
        assert (report.new, report.updated, report.duplicates) == (0, 0, 1)
        bench.time.advance(hours=1)
    assert bench.sink.headlines == ["One"]


async def test_two_feeds_at_the_same_time_make_one_article(bench: CrawlBench) -> None:
    entry = item("https://wire.example/a", "One", guid="urn:w:1")
    bench.site.answers |= {"one.example/feed": rss(entry), "other.example/feed": rss(entry)}
    reports = await bench.crawl(bench.feed("one.example/feed"), bench.feed("other.example/feed"))
    assert sorted((report.new, report.duplicates) for report in reports) == [(0, 1), (1, 0)]
    assert len(bench.sink.upserts) == 1


async def test_the_articles_of_a_feed_that_is_followed_no_more_are_anyones(bench: CrawlBench) -> None:
    bench.site.answers |= {
        "one.example/feed": rss(item("https://wire.example/a", "One")),
        "other.example/feed": rss(item("https://wire.example/a", "Other")),
    }
    await bench.crawl(bench.feed("one.example/feed"))
    (report,) = await bench.crawl(bench.feed("other.example/feed"))
    assert report.updated == 1
    assert bench.sink.headlines == ["Other"]


async def test_a_feed_that_moved_for_good_is_asked_where_it_is(bench: CrawlBench) -> None:
    feed = bench.feed("old.example/feed")
    bench.site.answers |= {
        "old.example/feed": Answer(status=301, headers={"Location": bench.site.url("new.example/feed")}),
        "new.example/feed": rss(item("https://wire.example/a")),
    }
    (report,) = await bench.crawl(feed)
    assert "moved to" in report.reason
    bench.time.advance(hours=1)
    await bench.crawl(feed)
    assert bench.site.asked == ["old.example/feed", "new.example/feed", "new.example/feed"]


async def test_a_feed_that_moved_for_a_while_is_asked_where_it_was(bench: CrawlBench) -> None:
    feed = bench.feed("old.example/feed")
    bench.site.answers |= {
        "old.example/feed": Answer(status=302, headers={"Location": bench.site.url("new.example/feed")}),
        "new.example/feed": rss(item("https://wire.example/a")),
    }
    await bench.crawl(feed)
    bench.time.advance(hours=1)
    await bench.crawl(feed)
    assert bench.site.asked == ["old.example/feed", "new.example/feed"] * 2


async def test_a_feed_that_is_gone_is_asked_no_more(bench: CrawlBench) -> None:
    bench.site.answers["wire.example/feed"] = Answer(status=410)
    feed = bench.feed("wire.example/feed")
    (report,) = await bench.crawl(feed)
    assert (report.outcome, report.next_due) == (FeedOutcome.STOPPED, None)
    bench.time.advance(days=30)
    assert await bench.crawl(feed) == []


async def test_a_feed_that_fails_is_asked_less_and_less(bench: CrawlBench) -> None:
    bench.site.answers["wire.example/feed"] = Answer(status=500)
    feed = bench.feed("wire.example/feed", every=Duration(minutes=10))
    pauses = []
    for _ in range(4):
        (report,) = await bench.crawl(feed)
        assert report.outcome is FeedOutcome.FAILED
        assert "answers 500" in report.reason
        assert report.next_due is not None
        pauses.append(report.next_due - bench.time.time)
        bench.time.time = report.next_due
    for pause, longest_minutes in zip(pauses, (10, 20, 40, 80), strict=True):
        assert timedelta(minutes=longest_minutes / 2) <= pause <= timedelta(minutes=longest_minutes)
    bench.site.answers["wire.example/feed"] = rss(item("https://wire.example/a"))
    await bench.crawl(feed)
    bench.site.answers["wire.example/feed"] = Answer(status=500)
    bench.time.advance(hours=1)
    (report,) = await bench.crawl(feed)
    assert report.next_due is not None
    assert report.next_due - bench.time.time <= timedelta(minutes=10)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_host_that_asks_for_a_pause_gets_it_for_all_its_feeds(bench: CrawlBench, status: int) -> None:
    bench.site.answers |= {
        "wire.example/1": Answer(status=status, headers={"Retry-After": "7200"}),
        "wire.example/2": rss(item("https://wire.example/a")),
    }
    first, second = bench.feed("wire.example/1"), bench.feed("wire.example/2")
    reports = await bench.crawl(first, second)
    assert [report.outcome for report in reports] == [FeedOutcome.FAILED] * 2
    assert {report.next_due for report in reports} == {bench.time.time + timedelta(hours=2)}
    assert "left alone" in reports[1].reason
    assert bench.site.asked == ["wire.example/1"]


async def test_what_a_feed_says_of_its_changes_is_a_minimum(bench: CrawlBench) -> None:
    bench.site.answers |= {
        "wire.example/1": rss(item("https://wire.example/a"), channel="<title>W</title><ttl>120</ttl>"),
        "wire.example/2": rss(item("https://wire.example/b"), Cache_Control="public, max-age=7200"),
        "wire.example/3": rss(item("https://wire.example/c"), Cache_Control="max-age=99999999"),
    }
    for number, hours in ((1, 2), (2, 2), (3, 6)):
        (report,) = await bench.crawl(bench.feed(f"wire.example/{number}"))
        assert report.next_due == bench.time.time + timedelta(hours=hours)


async def test_an_address_that_robots_txt_excludes_is_not_asked(bench: CrawlBench) -> None:
    bench.site.answers |= {
        "wire.example/robots.txt": Answer(b"User-agent: gistwire\nDisallow: /private/"),
        "wire.example/feed": Answer(status=302, headers={"Location": "/private/feed"}),
        "wire.example/private/feed": rss(item("https://wire.example/a")),
    }
    reports = await bench.crawl(bench.feed("wire.example/private/feed"), bench.feed("wire.example/feed"))
    assert ["excluded by robots.txt" in report.reason for report in reports] == [True, True]
    assert bench.site.asked == ["wire.example/feed"]


async def test_robots_txt_is_asked_for_once_a_day_also_by_short_runs(bench: CrawlBench) -> None:
    bench.site.answers["wire.example/feed"] = rss(item("https://wire.example/a"))
    feed = bench.feed("wire.example/feed")
    for _ in range(3):
        await bench.crawl(feed)
        bench.time.advance(hours=11)
    asked = [request.target for request in bench.site.requests]
    assert asked.count("wire.example/robots.txt") == 1
    await bench.crawl(feed)
    assert bench.site.requests[-2].target == "wire.example/robots.txt"


async def test_a_host_is_asked_one_thing_at_a_time_with_pauses(bench: CrawlBench) -> None:
    bench.settings = {"delay": Duration(seconds=5), "max_crawl_delay": Duration(seconds=20)}
    bench.site.answers["slow.example/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 10")
    bench.site.answers["slower.example/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 3600")
    hosts = ("fast.example", "slow.example", "slower.example")
    for host in hosts:
        for number in (1, 2):
            bench.site.answers[f"{host}/{number}"] = rss(item(f"https://{host}/{number}a"))
        await bench.crawl(bench.feed(f"{host}/1"), bench.feed(f"{host}/2"))
    # After robots.txt, and after the first feed.
    assert bench.time.slept_s == [5, 5, 5, 10, 5, 20]


async def test_an_article_that_its_own_feed_deletes_goes_at_once(bench: CrawlBench) -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">'
        "<title>Wire</title>{}</feed>"
    )
    entry = '<entry><id>urn:w:1</id><title>First</title><link href="https://wire.example/a"/></entry>'
    tombstone = '<at:deleted-entry ref="urn:w:1" when="2026-10-05T09:00:00Z"/>'
    bench.site.answers |= {
        "wire.example/feed": Answer(atom.format(entry).encode()),
        "other.example/feed": Answer(atom.format(tombstone).encode()),
    }
    feeds = [bench.feed("wire.example/feed"), bench.feed("other.example/feed")]
    await bench.crawl(feeds[0])
    await bench.crawl(*feeds)
    assert bench.sink.deleted == []
    bench.site.answers["wire.example/feed"] = Answer(atom.format(tombstone).encode())
    bench.time.advance(hours=1)
    reports = await bench.crawl(*feeds)
    assert [report.removed for report in reports] == [1, 0]
    bench.time.advance(hours=1)
    reports = await bench.crawl(*feeds)
    assert [report.removed for report in reports] == [0, 0]
    assert bench.sink.deleted == [derive_id(url="https://wire.example/a", headline="", source="")]
    bench.site.answers["wire.example/feed"] = Answer(atom.format(entry).encode())
    bench.time.advance(hours=1)
    await bench.crawl(feeds[0])
    assert bench.sink.articles == {}


async def test_a_rejected_article_is_kept_with_its_reason_and_not_sent_again(bench: CrawlBench) -> None:
    bench.site.answers["wire.example/feed"] = rss(
        item("https://wire.example/a", ""), item("https://wire.example/b", "Good")
    )
    feed = bench.feed("wire.example/feed")
    (report,) = await bench.crawl(feed)
    assert (report.new, report.rejected) == (1, 1)
    (letter,) = bench.dead_letters()
    assert (letter["origin"], letter["field"], letter["reason"]) == (
        feed.url,
        "headline",
        "must not be blank",
    )
    bench.time.advance(hours=1)
    (report,) = await bench.crawl(feed)
    assert (report.unchanged, report.rejected) == (2, 0)


async def test_what_was_not_acknowledged_is_sent_again_after_a_failure(bench: CrawlBench) -> None:
    bench.site.answers["wire.example/feed"] = rss(
        *(item(f"https://wire.example/{number}", f"N{number}") for number in range(5)), ETag='"1"'
    )
    feed = bench.feed("wire.example/feed")
    bench.sink.fails_after = 2
    with pytest.raises(IndexUnavailableError):
        await bench.crawl(feed)
    assert len(bench.sink.articles) == 2
    bench.sink.fails_after = None
    (report,) = await bench.crawl(feed)
    assert (report.new, report.unchanged) == (3, 2)
    assert bench.sink.headlines == ["N0", "N1", "N2", "N3", "N4"]


async def test_what_is_no_feed_is_a_failure(bench: CrawlBench) -> None:
    bench.site.answers["wire.example/feed"] = Answer(b"<html><body>hello</body></html>")
    (report,) = await bench.crawl(bench.feed("wire.example/feed"))
    assert (report.outcome, "not an RSS or Atom feed" in report.reason) == (FeedOutcome.FAILED, True)


async def never_ending(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n<rss>")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


async def headers_without_end(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Header: " + b"x" * 10_000 + b"\r\n")
        await writer.drain()


BOMB = Answer(gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (never_ending, "longer than 1000000 bytes"),
        (headers_without_end, "buffer too long"),
        (BOMB, "longer than 1000000 bytes"),
        (Answer(status=302, headers={"Location": "http://wire.example/feed"}), "redirects"),
        (Answer(status=302, headers={"Location": "file:///etc/passwd"}), "not an http"),
    ],
    ids=["endless body", "endless headers", "gzip bomb", "redirect loop", "redirect to a file"],
)
async def test_a_hostile_server_fails_its_own_feed_alone(
    bench: CrawlBench, reply: Answer, reason: str
) -> None:
    bench.settings = {"max_feed_bytes": 1_000_000}
    if isinstance(reply, Answer) and reply.headers.get("Location", "").endswith("/feed"):
        reply = Answer(status=302, headers={"Location": bench.site.url("wire.example/feed")})
    bench.site.answers |= {
        "wire.example/feed": reply,
        "good.example/feed": rss(item("https://good.example/a")),
    }
    reports = await bench.crawl(bench.feed("wire.example/feed"), bench.feed("good.example/feed"))
    assert reports[0].outcome is FeedOutcome.FAILED
    assert re.search(reason, reports[0].reason, re.IGNORECASE), reports[0].reason
    assert reports[1].new == 1


async def test_private_networks_are_not_asked_unless_that_is_allowed(bench: CrawlBench) -> None:
    bench.settings = {"allow_private_addresses": False}
    bench.site.answers["wire.example/feed"] = rss(item("https://wire.example/a"))
    (report,) = await bench.crawl(bench.feed("wire.example/feed"))
    assert report.outcome is FeedOutcome.FAILED
    assert bench.site.requests == []


async def test_it_follows_feeds_on_their_schedules_until_it_is_cancelled(
    bench: CrawlBench, tmp_path: Path
) -> None:
    bench.site.answers |= {
        "often.example/feed": rss(item("https://often.example/a")),
        "seldom.example/feed": rss(item("https://seldom.example/a")),
        "gone.example/feed": Answer(status=410),
    }
    feeds = tuple(bench.feed(f"{name}.example/feed") for name in ("often", "seldom", "gone"))
    settings = CrawlSettings(contact="crawler@news.example", allow_private_addresses=True)
    counts: Counter[str] = Counter()
    asked_often = asyncio.Event()

    def report(of_feed: FeedReport) -> None:
        counts[of_feed.feed] += 1
        if min(counts[feed.url] for feed in feeds[:2]) >= 3:
            asked_often.set()

    with CrawlState(tmp_path / "state") as state, DeadLetterFile(tmp_path / "letters") as dead_letters:
        async with Crawler(
            CrawlConfiguration(settings=settings, feeds=feeds),
            state,
            bench.sink,
            dead_letters,
            report=report,
            clock=bench.time.clock,
            resolve=bench.site.resolve,
        ) as crawler:
            running = asyncio.create_task(crawler.run())
            await asked_often.wait()
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled()
    assert counts[feeds[2].url] == 1
    assert len(bench.sink.upserts) == 2
