"""New articles of an index, for any number of watches: one poller for each tenant, which `ArticleFeeds` keeps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from gistwire_indexer.index import ArticleIndex

from gistwire_server.config import WatchConfig
from gistwire_server.engines import Engines
from gistwire_server.errors import DrainingError
from gistwire_server.index_poller import FeedItem, IndexPoller, Pause, WallClock


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)


class ArticleFeed:
    """Tells readers what an index newly holds. Polls only while there are any.

    Args:
        index: the index; stays the caller's.
        interval_s: pause between two polls, in seconds.
        overlap: how much longer ago than it became visible an article may have been stamped.
        clock: what articles' stamps are compared with.
        pause: how to wait.
    """

    def __init__(
        self,
        index: ArticleIndex,
        *,
        interval_s: float,
        overlap: timedelta,
        clock: WallClock = utc_now,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._index = index
        self._overlap = overlap
        self._clock = clock
        self._interval_s = interval_s
        self._pause = pause
        self._poller: IndexPoller | None = None
        self._readers = 0
        self._closed = False

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["FeedReader"]:
        """Gives a reader, which stands at the end of what there is.

        Raises:
            DrainingError: the feed was closed.
        """
        if self._closed:
            raise DrainingError
        if self._poller is None:
            self._poller = IndexPoller(self._index, self._overlap, self._clock)
            self._poller.start(self._interval_s, self._pause)
        self._readers += 1
        try:
            yield FeedReader(self._poller)
        finally:
            self._readers -= 1
            if self._readers == 0:
                poller, self._poller = self._poller, None
                await poller.stop()

    async def close(self) -> None:
        """Ends all reading with DrainingError. May be called twice."""
        self._closed = True
        if self._poller is not None:
            self._poller.drain()


class FeedReader:
    """One reader's place in a feed."""

    def __init__(self, poller: IndexPoller) -> None:
        self._poller = poller
        self._next = poller.item_count

    def check_open(self) -> None:
        """Raises DrainingError if the feed was closed."""
        self._poller.check()

    def now(self) -> datetime:
        """The present, by the feed's clock."""
        return self._poller.clock()

    def settled_now(self) -> datetime:
        """The time of which all articles that were stamped until then are visible by now."""
        return self._poller.settled_now()

    async def take(self) -> list[FeedItem] | None:
        """Waits until there is something new, and returns it all; None if some of it is gone already.

        Raises:
            DrainingError: the feed was closed.
        """
        while self._next == self._poller.item_count:
            await self._poller.changed()
        self._poller.check()
        items = self._poller.items_from(self._next)
        self._next = self._poller.item_count
        return items

    async def wait_until_settled(self, stamp: datetime) -> None:
        """Waits until all articles that were stamped until then have been told of.

        Raises:
            DrainingError: the feed was closed.
        """
        while self._poller.settled < stamp:
            await self._poller.changed()


class ArticleFeeds:
    """The feeds of a server: one for each tenant whose articles are watched."""

    def __init__(self, config: WatchConfig) -> None:
        self._config = config
        self._feeds: dict[str, ArticleFeed] = {}
        self._closed = False

    def feed(self, engines: Engines) -> ArticleFeed:
        """Returns the feed of the index of these engines.

        Raises:
            DrainingError: the feeds were closed.
        """
        if self._closed:
            raise DrainingError
        if engines.tenant not in self._feeds:
            self._feeds[engines.tenant] = ArticleFeed(
                engines.index,
                interval_s=self._config.poll_interval_s,
                overlap=timedelta(seconds=self._config.overlap_s),
            )
        return self._feeds[engines.tenant]

    async def close(self) -> None:
        """Ends all watches with DrainingError, so that their clients go on elsewhere."""
        self._closed = True
        for feed in self._feeds.values():
            await feed.close()
