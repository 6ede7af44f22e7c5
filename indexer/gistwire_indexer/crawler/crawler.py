"""`Crawler`: follows all feeds of a configuration, once or until it is cancelled."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from gistwire_indexer.crawler.article_locks import ArticleLocks
from gistwire_indexer.crawler.clock import Clock
from gistwire_indexer.crawler.configuration import CrawlConfiguration, FeedConfiguration
from gistwire_indexer.crawler.delivery import ArticleDelivery
from gistwire_indexer.crawler.feed_crawl import FeedCrawl
from gistwire_indexer.crawler.intake import ArticleIntake
from gistwire_indexer.crawler.page_checks import PageChecks
from gistwire_indexer.crawler.page_visit import PageVisitor
from gistwire_indexer.crawler.polite_fetching import PoliteFetcher
from gistwire_indexer.crawler.report import FeedReport
from gistwire_indexer.crawler.sink import ArticleSink
from gistwire_indexer.crawler.state import CrawlState
from gistwire_indexer.dead_letter import DeadLetterFile
from gistwire_indexer.sources.addresses import Resolver, resolve_host

PAGE_ROUND_S: Final = 60.0
"""Pause between two looks for pages of a feed that are due, in seconds."""

_FORGET_EVERY = timedelta(days=1)

# Feeds wait for their hosts, and for those of their articles: more of them than hosts are asked at a time.
_FEEDS_PER_HOST = 4


class Crawler:
    """Follows feeds; used with ``async with``.

    Args:
        configuration: the feeds and the manners.
        state: what is known of them; stays the caller's.
        sink: where articles go; stays the caller's.
        dead_letters: where refused ones go; stays the caller's.
        report: called with what came of each feed.
        clock: tells and passes the time.
        resolve: how hosts become IP addresses.
    """

    def __init__(
        self,
        configuration: CrawlConfiguration,
        state: CrawlState,
        sink: ArticleSink,
        dead_letters: DeadLetterFile,
        *,
        report: Callable[[FeedReport], None],
        clock: Clock | None = None,
        resolve: Resolver = resolve_host,
    ) -> None:
        settings = configuration.settings
        clock = clock or Clock()
        self._settings = settings
        self._feeds = {feed.url: feed for feed in configuration.feeds}
        self._state = state
        self._report = report
        self._clock = clock
        self._room = asyncio.Semaphore(settings.concurrent_hosts * _FEEDS_PER_HOST)
        self._fetcher = PoliteFetcher(settings, state, clock, resolve=resolve)
        pages = PageVisitor(self._fetcher, max_bytes=settings.max_page_bytes)
        delivery = ArticleDelivery(sink, dead_letters)
        locks = ArticleLocks()
        intake = ArticleIntake(
            state=state,
            delivery=delivery,
            pages=pages,
            locks=locks,
            settings=settings,
            feeds=self._feeds.keys(),
            clock=clock,
        )
        self._feed_crawl = FeedCrawl(state=state, fetcher=self._fetcher, intake=intake, clock=clock)
        self._page_checks = PageChecks(
            state=state,
            delivery=delivery,
            pages=pages,
            locks=locks,
            settings=settings,
            clock=clock,
        )

    async def __aenter__(self) -> Self:
        await self._fetcher.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._fetcher.__aexit__(kind, error, traceback)

    async def run(self) -> None:
        """Asks every feed whenever it is due, until cancelled.

        Raises:
            CrawlStateError: the state cannot be read or written.
            Exception: whatever the sink raises.
        """
        async with _ungrouped(), asyncio.TaskGroup() as group:
            for feed in self._feeds.values():
                group.create_task(self._follow(feed))
                if feed.full_text:
                    group.create_task(self._follow_pages(feed))
            group.create_task(self._forget_daily())

    async def run_once(self) -> None:
        """Asks the feeds that are due, and looks at the pages that are.

        Raises:
            CrawlStateError: the state cannot be read or written.
            Exception: whatever the sink raises.
        """
        async with _ungrouped(), asyncio.TaskGroup() as group:
            for feed in self._feeds.values():
                group.create_task(self._crawl_if_due(feed))
        await self._forget()

    async def _follow(self, feed: FeedConfiguration) -> None:
        """Asks a feed whenever it is due, until it is gone for good."""
        while (wait_s := await self._time_until_due_s(feed)) is not None:
            await self._clock.sleep(wait_s)
            await self._crawl(feed)

    async def _crawl_if_due(self, feed: FeedConfiguration) -> None:
        if await self._time_until_due_s(feed) == 0:
            await self._crawl(feed)
        if feed.full_text:
            await self._check_pages(feed)

    async def _crawl(self, feed: FeedConfiguration) -> None:
        async with self._room:
            self._report(await self._feed_crawl.crawl(feed))

    async def _time_until_due_s(self, feed: FeedConfiguration) -> float | None:
        """How long until a feed is to be asked, in seconds; None if never again."""
        now = self._clock.now()
        known = await asyncio.to_thread(self._state.feed, feed.url, now=now)
        return None if known.stopped else max(0.0, (known.due - now).total_seconds())

    async def _follow_pages(self, feed: FeedConfiguration) -> None:
        while True:
            await self._check_pages(feed)
            await self._clock.sleep(PAGE_ROUND_S)

    async def _check_pages(self, feed: FeedConfiguration) -> None:
        async with self._room:
            report = await self._page_checks.check(feed)
        if report is not None:
            self._report(report)

    async def _forget_daily(self) -> None:
        while True:
            await self._forget()
            await self._clock.sleep(_FORGET_EVERY.total_seconds())

    async def _forget(self) -> None:
        unseen_since = self._clock.now() - self._settings.keep_state_for
        await asyncio.to_thread(self._state.forget, unseen_since=unseen_since)


@asynccontextmanager
async def _ungrouped() -> AsyncGenerator[None, None]:
    """Raises the first error of a group instead of the group: whoever handles it knows no tasks."""
    try:
        yield
    except ExceptionGroup as group:
        error: Exception = group
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        raise error from group
