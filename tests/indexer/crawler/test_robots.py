"""Tests of gistwire_indexer.crawler.robots."""

import asyncio
from datetime import timedelta

import pytest
from gistwire_indexer.crawler.robots import LIFETIME, LIFETIME_OF_FAILURE, Robots, StoredRobots
from gistwire_indexer.errors import RobotsExclusionError, SourceError
from gistwire_indexer.sources.fetching import FetchedDocument

from tests.indexer.crawler.manual_clock import ManualClock

URL = "https://news.example/a/b?c=1"


class Host:
    """Answers for its robots.txt, and keeps what is stored of it."""

    def __init__(self, body: str = "", status: int | None = 200) -> None:
        self.body = body
        self.status = status
        self.asked: list[str] = []
        self.stored: dict[str, StoredRobots] = {}
        self.time = ManualClock()
        self.rules = Robots(self, self._fetch, self.time.clock)

    async def _fetch(self, url: str) -> FetchedDocument:
        self.asked.append(url)
        await asyncio.sleep(0)
        if self.status is None:
            raise SourceError("no answer")
        return FetchedDocument(url, url, self.status, {}, self.body.encode())

    def robots(self, origin: str) -> StoredRobots | None:
        return self.stored.get(origin)

    def save_robots(self, origin: str, robots: StoredRobots) -> None:
        self.stored[origin] = robots

    async def allows(self, url: str = URL) -> bool:
        try:
            await self.rules.crawl_delay(url)
        except RobotsExclusionError:
            return False
        return True


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ("", True),
        ("User-agent: *\nDisallow: /", False),
        ("User-agent: *\nDisallow: /a/\nAllow: /a/b", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: gistwire\nDisallow:", True),
        ("User-agent: *\nDisallow:\n\nUser-agent: GistWire\nDisallow: /*?c=", False),
        ("User-agent: otherbot\nDisallow: /", True),
        ("\ufeffUser-agent: *\nDisallow: /", False),
        ("<html>not found</html>", True),
    ],
)
async def test_the_rules_for_this_crawler_count(body: str, allowed: bool) -> None:
    assert await Host(body).allows() is allowed


@pytest.mark.parametrize(
    ("status", "allowed", "lifetime"),
    [
        (404, True, LIFETIME),
        (403, True, LIFETIME),
        (429, False, LIFETIME_OF_FAILURE),
        (500, False, LIFETIME_OF_FAILURE),
        (503, False, LIFETIME_OF_FAILURE),
        (None, False, LIFETIME_OF_FAILURE),
    ],
)
async def test_a_file_that_is_not_there_allows_all_and_one_that_cannot_be_had_nothing(
    status: int | None, allowed: bool, lifetime: timedelta
) -> None:
    host = Host(status=status)
    assert await host.allows() is allowed
    host.status = 200
    host.time.advance(seconds=lifetime.total_seconds() - 1)
    assert await host.allows() is allowed
    assert len(host.asked) == 1
    host.time.advance(seconds=1)
    assert await host.allows()
    assert host.asked == ["https://news.example/robots.txt"] * 2


async def test_rules_that_are_known_hold_while_the_host_fails() -> None:
    host = Host("User-agent: *\nDisallow: /a/")
    assert not await host.allows()
    host.status = 500
    host.time.advance(days=2)
    assert not await host.allows()
    assert await host.allows("https://news.example/c")


async def test_each_origin_has_rules_of_its_own() -> None:
    host = Host()
    for url in (URL, "http://news.example/", "https://news.example:8443/", "https://u:p@NEWS.example/x"):
        assert await host.allows(url)
    assert host.asked == [
        "https://news.example/robots.txt",
        "http://news.example/robots.txt",
        "https://news.example:8443/robots.txt",
    ]


async def test_several_that_wait_for_the_rules_ask_once() -> None:
    host = Host()
    assert all(await asyncio.gather(*(host.allows() for _ in range(5))))
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("Crawl-delay: 7.5", 7.5),
        ("Crawl-delay: -1", 0),
        ("Crawl-delay: nan", 0),
        ("Crawl-delay: x", 0),
        ("", 0),
    ],
)
async def test_crawl_delay(line: str, seconds: float) -> None:
    host = Host(f"User-agent: *\n{line}")
    assert await host.rules.crawl_delay(URL) == timedelta(seconds=seconds)
