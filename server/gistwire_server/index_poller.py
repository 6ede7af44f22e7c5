"""Finds what an index newly holds, by looking again and again: `IndexPoller`. A feed (article_feed.py) runs one.

Articles are stamped before they become visible, by writers whose clocks differ a little. So what was stamped less
than the overlap ago is not settled: it is read again and again, and what was read before is skipped. Of what was
stamped longer ago nothing is missing.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeAlias

import structlog
from gistwire_indexer.analysis import analyze
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.index import ArticleIndex, IndexedArticle, IndexPosition

from gistwire_server.errors import DrainingError

MAX_KEPT_ITEMS = 1_024
"""How many items a reader may fall behind before it has to read the index itself."""

_PAGE_ARTICLES = 200

# Most articles turn up soon after their stamp: every poll reads this part of the overlap again, and every eighth all.
_SHORT_LOOKBACK_SHARE = 1 / 16
_POLLS_PER_WHOLE_OVERLAP = 8

WallClock = Callable[[], datetime]
"""The present, with a time zone."""
Pause = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AnalyzedArticle:
    """An article with the terms of its text.

    Attributes:
        indexed: the article.
        terms: what lexical retrieval finds it by.
    """

    indexed: IndexedArticle
    terms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Settled:
    """All articles that were stamped until then have been told of.

    Attributes:
        until: that time, with a time zone.
    """

    until: datetime


FeedItem: TypeAlias = AnalyzedArticle | Settled


def position_of(indexed: IndexedArticle) -> IndexPosition:
    """The place of an article in the order of indexing."""
    return IndexPosition(indexed.indexed, indexed.article.id)


async def read_page(index: ArticleIndex, position: IndexPosition) -> list[IndexedArticle]:
    """Reads the next articles after a position; none at the end.

    Raises:
        IndexUnavailableError: the index does not answer.
    """
    return await index.indexed_after(position, limit=_PAGE_ARTICLES)


async def analyze_articles(articles: Sequence[IndexedArticle]) -> list[AnalyzedArticle]:
    """Analyzes articles without holding up the loop."""

    def analyzed() -> list[AnalyzedArticle]:
        return [
            AnalyzedArticle(each, frozenset(analyze(each.article.text, each.article.language)))
            for each in articles
        ]

    return await asyncio.to_thread(analyzed) if articles else []


class IndexPoller:
    """Looks at an index from `start` to `stop`, and keeps the latest items it has found.

    Args:
        index: the index; stays the caller's.
        overlap: how much longer ago than it became visible an article may have been stamped.
        clock: what articles' stamps are compared with.

    Attributes:
        clock: as given.
        item_count: number of items so far.
        settled: all articles that were stamped until then have become items.
    """

    def __init__(self, index: ArticleIndex, overlap: timedelta, clock: WallClock) -> None:
        self._index = index
        self._overlap = overlap
        self.clock = clock
        self._last = self._last_whole = clock()
        self._polls = 0
        # What the next reading of the whole overlap will meet again, with its stamps.
        self._known: dict[tuple[str, str], datetime] = {}
        self._items: deque[FeedItem] = deque(maxlen=MAX_KEPT_ITEMS)
        self._next_change = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._drained = False
        self.item_count = 0
        self.settled = self._last_whole - overlap

    def start(self, interval_s: float, pause: Pause) -> None:
        """Begins to look, with pauses of so many seconds."""
        self._task = asyncio.create_task(self._poll_regularly(interval_s, pause))
        self._task.add_done_callback(lambda _: self._announce())

    async def stop(self) -> None:
        """Ends looking, and waits for that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def drain(self) -> None:
        """Lets all that wait, or check, end with DrainingError."""
        self._drained = True
        self._announce()

    def check(self) -> None:
        """Raises DrainingError after `drain`, or the error of the poller itself if it has failed."""
        if self._drained:
            raise DrainingError
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    def settled_now(self) -> datetime:
        """The time of which all articles that were stamped until then are visible by now."""
        # The clock may be set back.
        return max(self.clock() - self._overlap, self.settled)

    async def changed(self) -> None:
        """Waits for the next item; raises what `check` raises."""
        self.check()
        await self._next_change.wait()
        self.check()

    def items_from(self, number: int) -> list[FeedItem] | None:
        """The items from this number on; None if the first of them are gone."""
        first = self.item_count - len(self._items)
        return None if number < first else list(islice(self._items, number - first, None))

    async def _poll_regularly(self, interval_s: float, pause: Pause) -> None:
        reachable = True
        while True:
            try:
                await self._poll()
                reachable = True
            except IndexUnavailableError:
                # What is missed now is read once the index answers again.
                if reachable:
                    _log.warning("feed_interrupted", exc_info=True)
                reachable = False
            await pause(interval_s)

    async def _poll(self) -> None:
        began = self.clock()
        whole = self._polls % _POLLS_PER_WHOLE_OVERLAP == 0
        if whole:
            await self._read_from(self._last_whole - self._overlap)
            self._settle(began)
        else:
            await self._read_from(self._last - self._overlap * _SHORT_LOOKBACK_SHARE)
        self._last = began
        self._polls += 1

    async def _read_from(self, stamp: datetime) -> None:
        position = IndexPosition(stamp)
        while page := await read_page(self._index, position):
            position = position_of(page[-1])
            new = [each for each in page if (each.article.id, each.revision) not in self._known]
            for analyzed in await analyze_articles(new):
                indexed = analyzed.indexed
                self._known[indexed.article.id, indexed.revision] = indexed.indexed
                self._append(analyzed)

    def _settle(self, began: datetime) -> None:
        self._last_whole = began
        self.settled = began - self._overlap
        self._known = {key: stamp for key, stamp in self._known.items() if stamp >= self.settled}
        self._append(Settled(self.settled))

    def _append(self, item: FeedItem) -> None:
        self._items.append(item)
        self.item_count += 1
        self._announce()

    def _announce(self) -> None:
        self._next_change.set()
        self._next_change = asyncio.Event()
