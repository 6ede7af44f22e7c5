"""The articles that a watch has not handled yet, in groups: from the index while it is behind, then from the feed.

A watch that begins again from a token, that its client reads slowly, or for which there is no room in the token
(watch_progress.py) is behind. `NewArticles` gives the groups.
"""

from collections import deque
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TypeVar

from gistwire_indexer.index import ArticleIndex, IndexedArticle, IndexPosition

from gistwire_server.article_feed import FeedReader
from gistwire_server.index_poller import (
    AnalyzedArticle,
    Settled,
    analyze_articles,
    position_of,
    read_page,
)
from gistwire_server.watch_matching import ArticleMatcher
from gistwire_server.watch_progress import (
    MAX_DELIVERED_UNSETTLED,
    MAX_GROUP,
    MAX_KNOWN_AT_START,
    WatchProgress,
    digest,
)

_ItemT = TypeVar("_ItemT")


async def begin_now(index: ArticleIndex, reader: FeedReader, matcher: ArticleMatcher) -> WatchProgress:
    """Returns the progress of a watch to which all that is visible is past.

    Raises:
        IndexUnavailableError: the index does not answer.
    """
    position = IndexPosition(reader.settled_now())
    known: deque[IndexedArticle] = deque()
    at = position
    while page := await read_page(index, at):
        at = position_of(page[-1])
        known += [each.indexed for each in await analyze_articles(page) if matcher.matches(each)]
        while len(known) > MAX_KNOWN_AT_START:
            position = position_of(known.popleft())
    progress = WatchProgress(position)
    for each in known:
        progress.mark_known(each)
    return progress


class NewArticles:
    """The matching articles that a watch has not handled yet.

    Args:
        index: where they are.
        reader: tells of those to come.
        matcher: which articles match.
        progress: what was handled; the watch's own.
    """

    def __init__(
        self,
        index: ArticleIndex,
        reader: FeedReader,
        matcher: ArticleMatcher,
        progress: WatchProgress,
    ) -> None:
        self._index = index
        self._reader = reader
        self._matcher = matcher
        self._progress = progress

    async def find(self, digests: Collection[bytes]) -> list[IndexedArticle]:
        """Returns those of the articles with these digests that are still there, beyond the position.

        Raises:
            IndexUnavailableError: the index does not answer.
        """
        found: list[IndexedArticle] = []
        at = self._progress.position
        while len(found) < len(digests) and (page := await read_page(self._index, at)):
            self._reader.check_open()
            at = position_of(page[-1])
            found += [each for each in page if digest(each.article.id, each.revision) in digests]
        return found

    async def groups(self) -> AsyncGenerator[list[AnalyzedArticle], None]:
        """Yields without end what is new, in groups of at most MAX_GROUP; an empty one if nothing is for the moment.

        What of a group is shown must be marked so before the next is asked for. The position moves on in between.

        Raises:
            IndexUnavailableError: the index does not answer.
            DrainingError: the feed was closed.
        """
        # What the feed has told of meanwhile is met twice, and never missed.
        while True:
            async with aclosing(self._groups_from_index()) as groups:
                async for group in groups:
                    yield group
            async with aclosing(self._groups_from_feed()) as groups:
                async for group in groups:
                    yield group

    async def _groups_from_index(self) -> AsyncGenerator[list[AnalyzedArticle], None]:
        """Yields what is new, in the order of indexing, up to the end of the index."""
        at = self._progress.position
        while True:
            self._reader.check_open()
            settled = self._reader.settled_now()
            page = await read_page(self._index, at)
            if not page:
                self._progress.advance(IndexPosition(settled))
                return
            for part in _parts(await analyze_articles(page)):
                group = self._not_handled(part)
                if not self._has_room(group, settled):
                    await self._make_room()
                    at = self._progress.position
                    break
                if group:
                    yield group
                at = position_of(part[-1].indexed)
                self._progress.advance(at if at.indexed <= settled else IndexPosition(settled))

    async def _groups_from_feed(self) -> AsyncGenerator[list[AnalyzedArticle], None]:
        """Yields what comes to be new, until the index has to be read again."""
        while (items := await self._reader.take()) is not None:
            for part in _parts(items):
                group = self._not_handled([item for item in part if isinstance(item, AnalyzedArticle)])
                if not self._has_room(group, self._progress.position.indexed):
                    return
                if group:
                    yield group
                for item in part:
                    if isinstance(item, Settled):
                        self._progress.advance(IndexPosition(item.until))
            yield []

    def _not_handled(self, articles: Sequence[AnalyzedArticle]) -> list[AnalyzedArticle]:
        return [
            each
            for each in articles
            if not self._progress.is_handled(each.indexed) and self._matcher.matches(each)
        ]

    def _has_room(self, group: Sequence[AnalyzedArticle], settled: datetime) -> bool:
        """Whether a token can hold the group: what of it is settled leaves the token as soon as it was shown."""
        unsettled = sum(each.indexed.indexed > settled for each in group)
        return unsettled == 0 or len(self._progress.delivered) + unsettled <= MAX_DELIVERED_UNSETTLED

    async def _make_room(self) -> None:
        """Waits until the first of what the token holds is settled, so that the position can move past it."""
        await self._reader.wait_until_settled(min(self._progress.delivered.values()).indexed)


def _parts(items: Sequence[_ItemT]) -> list[Sequence[_ItemT]]:
    return [items[start : start + MAX_GROUP] for start in range(0, len(items), MAX_GROUP)]
