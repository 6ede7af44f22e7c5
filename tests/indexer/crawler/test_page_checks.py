"""Tests of pages of articles, fetched and looked at again, over a server on the loopback address."""

import pytest
from gistwire_indexer.crawler import FeedConfiguration, FeedOutcome, FeedReport
from gistwire_indexer.crawler.duration import Duration

from tests.indexer.crawler.conftest import CrawlBench
from tests.indexer.crawler.site import HEADLINE, PARAGRAPH, Answer, html, item, rss

CORRECTION = PARAGRAPH.replace("Nobody was hurt", "Two people were hurt")
CHECKS = {"page_check_every": Duration(hours=2), "page_check_for": Duration(hours=6)}


@pytest.fixture
def feed(bench: CrawlBench) -> FeedConfiguration:
    """A feed with one article, whose page is there."""
    bench.settings = dict(CHECKS)
    bench.site.answers |= {
        "wire.example/feed": rss(item("/a"), ETag='"feed"'),
        "wire.example/a": html(PARAGRAPH, ETag='"1"'),
    }
    return bench.feed("wire.example/feed", full_text=True, every=Duration(days=1))


def pages_checked(reports: list[FeedReport]) -> FeedReport:
    (report,) = [report for report in reports if report.outcome is FeedOutcome.PAGES_CHECKED]
    return report


async def test_the_page_gives_the_text_that_a_feed_lacks(bench: CrawlBench, feed: FeedConfiguration) -> None:
    (report,) = await bench.crawl(feed)
    (article,) = bench.sink.articles.values()
    assert (report.new, report.pages_unavailable) == (1, 0)
    assert PARAGRAPH in article.body
    assert "Home" not in article.body
    assert (article.headline, article.language) == (HEADLINE, "en-GB")


async def test_pages_are_left_alone_where_they_are_not_wanted_or_not_needed(bench: CrawlBench) -> None:
    bench.site.answers |= {
        "one.example/feed": rss(item("/a")),
        "two.example/feed": rss(item("/a", body=PARAGRAPH * 10)),
        "two.example/a": html(CORRECTION),
    }
    await bench.crawl(bench.feed("one.example/feed"), bench.feed("two.example/feed", full_text=True))
    assert sorted(bench.site.asked) == ["one.example/feed", "two.example/feed"]
    assert sorted(bench.sink.bodies) == [PARAGRAPH * 10, "Short."]


@pytest.mark.parametrize(
    "page",
    [
        Answer(status=404),
        Answer(status=500),
        Answer(html(PARAGRAPH).body, headers={"Content-Type": "text/plain"}),
        html(PARAGRAPH, head="<meta name='robots' content='noindex, nofollow'>"),
        html(PARAGRAPH, X_Robots_Tag="noindex"),
        html(PARAGRAPH * 20_000),
        Answer(b"", headers={"Content-Type": "text/html"}),
    ],
    ids=["missing", "failing", "no html", "noindex", "noindex by header", "too long", "empty"],
)
async def test_the_text_of_the_feed_stands_for_a_page_that_cannot_be_had(
    bench: CrawlBench, feed: FeedConfiguration, page: Answer
) -> None:
    bench.site.answers["wire.example/a"] = page
    (report,) = await bench.crawl(feed)
    assert (report.new, report.pages_unavailable) == (1, 1)
    assert bench.sink.bodies == ["Short."]


async def test_robots_txt_counts_for_pages(bench: CrawlBench, feed: FeedConfiguration) -> None:
    bench.site.answers["wire.example/robots.txt"] = Answer(b"User-agent: *\nDisallow: /a\n")
    await bench.crawl(feed)
    assert bench.sink.bodies == ["Short."]
    assert bench.site.asked == ["wire.example/feed"]


async def test_two_addresses_with_one_canonical_link_are_one_article(
    bench: CrawlBench, feed: FeedConfiguration
) -> None:
    page = html(PARAGRAPH, head="<link rel='canonical' href='/canonical?utm_campaign=x'>")
    bench.site.answers |= {
        "wire.example/feed": rss(item("/a"), item("/canonical", "The same")),
        "wire.example/a": page,
        "wire.example/canonical": page,
        "other.example/feed": rss(item(bench.site.url("wire.example/b"), "The same")),
        "wire.example/b": page,
    }
    other = bench.feed("other.example/feed", full_text=True)
    for _ in range(2):
        await bench.crawl(feed, other)
        bench.time.advance(days=2)
    assert len(bench.sink.upserts) == 1


async def test_a_page_cannot_claim_the_article_of_another_host(
    bench: CrawlBench, feed: FeedConfiguration
) -> None:
    claim = f"<link rel='canonical' href='{bench.site.url('wire.example/a')}'>"
    bench.site.answers |= {
        "evil.example/feed": rss(item("/x", "Claim")),
        "evil.example/x": html(CORRECTION, head=claim),
    }
    await bench.crawl(feed)
    reports = await bench.crawl(feed, bench.feed("evil.example/feed", full_text=True))
    assert reports[-1].new == 1
    assert len(bench.sink.articles) == 2


async def test_a_page_is_looked_at_again_for_some_hours(bench: CrawlBench, feed: FeedConfiguration) -> None:
    await bench.crawl(feed)
    for _ in range(5):
        bench.time.advance(hours=2)
        await bench.crawl(feed)
    # At first, and after 2, 4 and 6 hours.
    assert bench.site.asked.count("wire.example/a") == 4
    assert bench.site.requests[-1].headers["if-none-match"] == '"1"'
    assert len(bench.sink.upserts) == 1


async def test_a_corrected_page_is_indexed(bench: CrawlBench, feed: FeedConfiguration) -> None:
    await bench.crawl(feed)
    bench.site.answers["wire.example/a"] = html(CORRECTION, ETag='"2"')
    bench.time.advance(hours=2)
    report = pages_checked(await bench.crawl(feed))
    assert (report.updated, report.removed) == (1, 0)
    (body,) = bench.sink.bodies
    assert CORRECTION in body
    bench.time.advance(hours=2)
    report = pages_checked(await bench.crawl(feed))
    assert (report.updated, report.unchanged) == (0, 1)


async def test_an_article_whose_page_is_missing_twice_is_deleted(
    bench: CrawlBench, feed: FeedConfiguration
) -> None:
    await bench.crawl(feed)
    bench.site.answers["wire.example/a"] = Answer(status=404)
    bench.time.advance(hours=2)
    assert pages_checked(await bench.crawl(feed)).removed == 0
    bench.time.advance(hours=1)
    assert await bench.crawl(feed) == []
    bench.time.advance(hours=1)
    assert pages_checked(await bench.crawl(feed)).removed == 1
    assert bench.sink.articles == {}
    bench.time.advance(days=1)
    bench.site.answers["wire.example/feed"] = rss(item("/a"), item("/b"), ETag='"new"')
    await bench.crawl(feed)
    assert [article.url for article in bench.sink.articles.values()] == [bench.site.url("wire.example/b")]


async def test_an_article_whose_page_comes_back_stays(bench: CrawlBench, feed: FeedConfiguration) -> None:
    await bench.crawl(feed)
    there = bench.site.answers["wire.example/a"]
    for status in (410, 200, 410):
        bench.site.answers["wire.example/a"] = there if status == 200 else Answer(status=status)
        bench.time.advance(hours=2)
        await bench.crawl(feed)
    assert bench.sink.deleted == []


async def test_a_page_that_is_missing_from_the_first_gets_a_second_look(
    bench: CrawlBench, feed: FeedConfiguration
) -> None:
    bench.settings["page_check_for"] = Duration()
    bench.site.answers["wire.example/a"] = Answer(status=404)
    await bench.crawl(feed)
    bench.time.advance(hours=2)
    assert pages_checked(await bench.crawl(feed)).removed == 1


async def test_a_host_that_fails_deletes_nothing(bench: CrawlBench, feed: FeedConfiguration) -> None:
    await bench.crawl(feed)
    bench.site.answers["wire.example/a"] = Answer(status=500)
    for _ in range(3):
        bench.time.advance(hours=2)
        assert pages_checked(await bench.crawl(feed)).pages_unavailable == 1
    assert bench.sink.deleted == []
    assert PARAGRAPH in bench.sink.bodies[0]


async def test_a_correction_in_the_feed_keeps_the_text_of_a_page_that_fails(
    bench: CrawlBench, feed: FeedConfiguration
) -> None:
    await bench.crawl(feed)
    bench.site.answers |= {
        "wire.example/feed": rss(item("/a", "Corrected"), ETag='"feed 2"'),
        "wire.example/a": Answer(status=500),
    }
    bench.time.advance(days=1)
    await bench.crawl(feed)
    (article,) = bench.sink.articles.values()
    assert article.headline == "Corrected"
    assert PARAGRAPH in article.body


async def test_an_old_article_is_fetched_but_not_looked_at_again(
    bench: CrawlBench, feed: FeedConfiguration
) -> None:
    entry = item("/a").replace("</item>", "<pubDate>Thu, 01 Oct 2026 08:00:00 GMT</pubDate></item>")
    bench.site.answers["wire.example/feed"] = rss(entry, ETag='"feed"')
    await bench.crawl(feed)
    bench.time.advance(hours=3)
    assert await bench.crawl(feed) == []
    assert PARAGRAPH in bench.sink.bodies[0]
