"""`PoliteFetcher`: the one way in which the crawler asks servers, with robots.txt, turns and pauses kept."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from gistwire_indexer.crawler.clock import Clock
from gistwire_indexer.crawler.configuration import CrawlSettings
from gistwire_indexer.crawler.hosts import HostTurns
from gistwire_indexer.crawler.robots import MAX_ROBOTS_BYTES, Robots, RobotsStore
from gistwire_indexer.crawler.schedule import MAX_PAUSE, retry_after
from gistwire_indexer.sources.addresses import Resolver, resolve_host
from gistwire_indexer.sources.fetching import FetchedDocument, Fetcher

_OVERLOADED = (429, 503)


class PoliteFetcher:
    """Asks for documents; used with ``async with``. Any number may be asked for at a time.

    Args:
        settings: the manners and limits.
        robots: where robots.txt are kept.
        clock: tells and passes the time.
        resolve: how hosts become IP addresses.
    """

    def __init__(
        self,
        settings: CrawlSettings,
        robots: RobotsStore,
        clock: Clock,
        *,
        resolve: Resolver = resolve_host,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._turns = HostTurns(concurrent_hosts=settings.concurrent_hosts, clock=clock)
        self._robots = Robots(robots, self._get_robots, clock)
        self._fetcher = Fetcher(
            settings.fetch_limits, user_agent=settings.user_agent, gate=self._turn, resolve=resolve
        )

    async def __aenter__(self) -> Self:
        await self._fetcher.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._fetcher.__aexit__(kind, error, traceback)

    async def get(
        self, url: str, *, etag: str = "", last_modified: str = "", max_bytes: int | None = None
    ) -> FetchedDocument:
        """Asks for a document, once it is its host's turn.

        Args:
            url: an http or https address.
            etag: of the answer that is known; the new one may then be 304.
            last_modified: likewise.
            max_bytes: longest document; None for that of a feed.

        Raises:
            RobotsExclusionError: robots.txt excludes the address, or one that it redirects to.
            HostPausedError: the host asked to be left alone.
            SourceError: an address is not allowed or does not answer, or a limit is broken.
        """
        conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        document = await self._fetcher.get(
            url, headers={name: value for name, value in conditions.items() if value}, max_bytes=max_bytes
        )
        if document.status in _OVERLOADED:
            pause = retry_after(document.headers, self._clock.now())
            if pause:
                self._turns.pause(document.url, min(pause, MAX_PAUSE))
        return document

    @asynccontextmanager
    async def _turn(self, url: str) -> AsyncGenerator[None, None]:
        wanted = await self._robots.crawl_delay(url)
        delay = max(self._settings.delay, min(wanted, self._settings.max_crawl_delay))
        async with self._turns.turn(url, delay=delay):
            yield

    async def _get_robots(self, url: str) -> FetchedDocument:
        return await self._fetcher.get(
            url,
            max_bytes=MAX_ROBOTS_BYTES,
            cut=True,
            gate=lambda hop: self._turns.turn(hop, delay=self._settings.delay),
        )
