"""`ArticleIntake`: what becomes of an entry of a feed: new, corrected, as before, or another feed's article."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from gistwire_indexer.cleaning import clean_text
from gistwire_indexer.crawler.article_locks import ArticleLocks
from gistwire_indexer.crawler.clock import Clock
from gistwire_indexer.crawler.configuration import CrawlSettings, FeedConfiguration
from gistwire_indexer.crawler.delivery import ArticleDelivery
from gistwire_indexer.crawler.entry import Entry, guid_key, url_key
from gistwire_indexer.crawler.page import with_page_text
from gistwire_indexer.crawler.page_visit import PageStatus, PageVisit, PageVisitor
from gistwire_indexer.crawler.state import CrawlState
from gistwire_indexer.crawler.state_rows import ArticleState
from gistwire_indexer.index import WriteOutcome
from gistwire_indexer.sources.dates import parse_date
from gistwire_indexer.sources.record import RawArticle


class EntryOutcome(Enum):
    """What became of an entry."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    """It is an article of another feed."""
    REJECTED = "rejected"


_OUTCOMES = {
    WriteOutcome.CREATED: EntryOutcome.NEW,
    WriteOutcome.UPDATED: EntryOutcome.UPDATED,
    WriteOutcome.UNCHANGED: EntryOutcome.UNCHANGED,
    None: EntryOutcome.REJECTED,
}


@dataclass(frozen=True, slots=True)
class TakenEntry:
    """What became of an entry.

    Attributes:
        outcome: in a word.
        page_unavailable: whether its page was wanted and could not be had.
    """

    outcome: EntryOutcome
    page_unavailable: bool = False


class ArticleIntake:
    """Takes entries in, any number at a time.

    Args:
        state: what is known of articles.
        delivery: where they go.
        pages: visits their pages.
        locks: shared with all that handles articles.
        settings: when pages are visited.
        feeds: addresses of the feeds that are followed; the articles of others are anyone's.
        clock: tells the time.
    """

    def __init__(
        self,
        *,
        state: CrawlState,
        delivery: ArticleDelivery,
        pages: PageVisitor,
        locks: ArticleLocks,
        settings: CrawlSettings,
        feeds: Collection[str],
        clock: Clock,
    ) -> None:
        self._state = state
        self._delivery = delivery
        self._pages = pages
        self._locks = locks
        self._settings = settings
        self._feeds = feeds
        self._clock = clock

    async def take(self, entry: Entry, feed: FeedConfiguration) -> TakenEntry:
        """Takes an entry of a feed; returns once what became of it is remembered."""
        async with self._locks.hold(entry.keys):
            found = await asyncio.to_thread(self._state.find_article, entry.keys)
            if found is None:
                return await self._take_unknown(entry, feed)
            known, is_own = found.state, found.own and found.state.feed == feed.url
            if not is_own and known.feed in self._feeds:
                return await self._see(entry, known, EntryOutcome.DUPLICATE)
            if is_own and known.entry_hash == entry.content_hash:
                return await self._see(entry, known, EntryOutcome.UNCHANGED)
            article = replace(entry.article, id=known.id)
            visit = await self._visit(article, feed)
            return await self._ingest(article, entry, feed, visit, known)

    async def remove(self, guid: str, feed: FeedConfiguration) -> bool:
        """Deletes an article that its own feed says was deleted; tells whether there was one."""
        key = guid_key(guid)
        async with self._locks.hold([key]):
            found = await asyncio.to_thread(self._state.find_article, [key])
            if not found or not found.own or found.state.feed != feed.url or found.state.removed:
                return False
            await self._delivery.delete(found.state.id)
            removed = replace(found.state, removed=True, page_due=None)
            await asyncio.to_thread(self._state.save_article, removed, seen=self._clock.now())
            return True

    async def _take_unknown(self, entry: Entry, feed: FeedConfiguration) -> TakenEntry:
        visit = await self._visit(entry.article, feed)
        if not visit or not visit.page or not visit.page.canonical_url:
            return await self._ingest(entry.article, entry, feed, visit, None)
        key = url_key(visit.page.canonical_url)
        # A key of its own: two pages that name each other would else wait for each other forever.
        async with self._locks.hold([f"canonical {key}"]):
            found = await asyncio.to_thread(self._state.find_article, [key])
            if found is not None:
                return await self._see(entry, found.state, EntryOutcome.DUPLICATE)
            return await self._ingest(entry.article, entry, feed, visit, None)

    async def _see(self, entry: Entry, known: ArticleState, outcome: EntryOutcome) -> TakenEntry:
        """Remembers that an article is still there; nothing is to be done about it."""
        own = outcome is EntryOutcome.UNCHANGED
        await asyncio.to_thread(
            self._state.see_article, known.id, entry.keys, own=own, seen=self._clock.now()
        )
        return TakenEntry(outcome)

    async def _visit(self, article: RawArticle, feed: FeedConfiguration) -> PageVisit | None:
        """Visits the page of an article, if the feed has little text of it; None if not."""
        if not feed.full_text or not article.url:
            return None
        text = await asyncio.to_thread(clean_text, article.body, multiline=True)
        if len(text) >= self._settings.short_text_characters:
            return None
        return await self._pages.visit(article.url)

    async def _ingest(
        self,
        article: RawArticle,
        entry: Entry,
        feed: FeedConfiguration,
        visit: PageVisit | None,
        known: ArticleState | None,
    ) -> TakenEntry:
        page = visit.page if visit else None
        if page:
            article = with_page_text(article, page, language=feed.language)
        elif visit and known and known.wants_page_text and known.sent:
            # The page fails to answer at the moment of a correction; its text is still better than none.
            article = replace(article, body=known.sent.body)
        outcome = await self._delivery.deliver(article, origin=feed.url, raw=entry.record.raw)
        state = self._state_of(article, entry, feed, visit)
        await asyncio.to_thread(
            self._state.save_article,
            state,
            own_keys=entry.keys,
            other_keys=[url_key(page.canonical_url)] if page and page.canonical_url else [],
            seen=self._clock.now(),
        )
        return TakenEntry(_OUTCOMES[outcome], page_unavailable=visit is not None and page is None)

    def _state_of(
        self, article: RawArticle, entry: Entry, feed: FeedConfiguration, visit: PageVisit | None
    ) -> ArticleState:
        now = self._clock.now()
        checks_end = _published_or(article, now) + self._settings.page_check_for
        first_check = now + self._settings.page_check_every
        missing = visit is not None and visit.status is PageStatus.MISSING
        checked = feed.full_text and bool(article.url) and (missing or first_check <= checks_end)
        return ArticleState(
            id=article.id,
            feed=feed.url,
            entry_hash=entry.content_hash,
            wants_page_text=visit is not None,
            page_etag=visit.etag if visit else "",
            page_last_modified=visit.last_modified if visit else "",
            page_due=first_check if checked else None,
            page_checks_end=checks_end,
            page_missing_since=now if missing else None,
            sent=article,
        )


def _published_or(article: RawArticle, now: datetime) -> datetime:
    """When an article was published; now, if that is unknown or to come."""
    published = parse_date(article.published) if isinstance(article.published, str) else article.published
    return min(published or now, now)
