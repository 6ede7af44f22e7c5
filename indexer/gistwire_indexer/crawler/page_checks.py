"""`PageChecks`: looks at the pages of recent articles again, for corrections and removal."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from gistwire_indexer.crawler.article_locks import ArticleLocks
from gistwire_indexer.crawler.clock import Clock
from gistwire_indexer.crawler.configuration import CrawlSettings, FeedConfiguration
from gistwire_indexer.crawler.delivery import ArticleDelivery
from gistwire_indexer.crawler.page import with_page_text
from gistwire_indexer.crawler.page_visit import PageStatus, PageVisit, PageVisitor
from gistwire_indexer.crawler.report import FeedOutcome, FeedReport
from gistwire_indexer.crawler.state import CrawlState
from gistwire_indexer.crawler.state_rows import ArticleState, to_json
from gistwire_indexer.index import WriteOutcome
from gistwire_indexer.sources.record import RawArticle

# A page that was missing once, and cannot be had since, is given up after that.
_MAX_DOUBT = timedelta(days=14)

_PAGES_AT_ONCE = 100
_NEVER = datetime.max.replace(tzinfo=UTC)


class _Outcome(Enum):
    """What a look at a page came to."""

    UNCHANGED = "unchanged"
    UPDATED = "updated"
    REMOVED = "removed"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"


class PageChecks:
    """Checks pages, those of any number of feeds at a time.

    Args:
        state: what is known of articles.
        delivery: where they go.
        pages: visits their pages.
        locks: shared with all that handles articles.
        settings: how often, and for how long.
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
        clock: Clock,
    ) -> None:
        self._state = state
        self._delivery = delivery
        self._pages = pages
        self._locks = locks
        self._settings = settings
        self._clock = clock

    async def check(self, feed: FeedConfiguration) -> FeedReport | None:
        """Looks at the pages of a feed's articles that are due, one by one: most lie on one host.

        Returns:
            what came of it, once that is remembered; None if none was due.
        """
        due = await asyncio.to_thread(
            self._state.pages_due, feed.url, self._clock.now(), limit=_PAGES_AT_ONCE
        )
        counts = Counter([await self._check_article(article_id, feed) for article_id in due])
        if not counts:
            return None
        return FeedReport(
            feed=feed.url,
            title=feed.title,
            outcome=FeedOutcome.PAGES_CHECKED,
            updated=counts[_Outcome.UPDATED],
            unchanged=counts[_Outcome.UNCHANGED],
            removed=counts[_Outcome.REMOVED],
            rejected=counts[_Outcome.REJECTED],
            pages_unavailable=counts[_Outcome.UNAVAILABLE],
        )

    async def _check_article(self, article_id: str, feed: FeedConfiguration) -> _Outcome:
        keys = await asyncio.to_thread(self._state.keys_of, article_id)
        async with self._locks.hold(keys):
            # While this waited, its feed may have had a correction.
            found = await asyncio.to_thread(self._state.find_article, keys)
            known = found.state if found else None
            if known is None or known.sent is None or (known.page_due or _NEVER) > self._clock.now():
                return _Outcome.UNCHANGED
            visit = await self._pages.visit(
                known.sent.url, etag=known.page_etag, last_modified=known.page_last_modified
            )
            return await self._act(known, known.sent, feed, visit)

    async def _act(
        self, known: ArticleState, sent: RawArticle, feed: FeedConfiguration, visit: PageVisit
    ) -> _Outcome:
        match visit.status:
            case PageStatus.MISSING:
                return await self._act_on_missing(known)
            case PageStatus.UNAVAILABLE:
                await self._save(self._rescheduled(known))
                return _Outcome.UNAVAILABLE
            case _:
                return await self._act_on_answer(known, sent, feed, visit)

    async def _act_on_missing(self, known: ArticleState) -> _Outcome:
        """A page has to be missing twice: servers err, and stop erring."""
        now = self._clock.now()
        if known.page_missing_since is None:
            await self._save(self._rescheduled(replace(known, page_missing_since=now)))
            return _Outcome.UNCHANGED
        await self._delivery.delete(known.id)
        await self._save(replace(known, removed=True, page_due=None))
        return _Outcome.REMOVED

    async def _act_on_answer(
        self, known: ArticleState, sent: RawArticle, feed: FeedConfiguration, visit: PageVisit
    ) -> _Outcome:
        article, outcome = sent, _Outcome.UNCHANGED
        if visit.page and known.wants_page_text:
            article = with_page_text(sent, visit.page, language=feed.language)
        if article != sent:
            written = await self._delivery.deliver(article, origin=feed.url, raw=to_json(article))
            outcome = _outcome(written)
        checked = replace(
            known,
            page_etag=visit.etag,
            page_last_modified=visit.last_modified,
            page_missing_since=None,
            sent=article,
        )
        await self._save(self._rescheduled(checked))
        return outcome

    def _rescheduled(self, known: ArticleState) -> ArticleState:
        """With the time of the next look, if there is to be one; a page that was missing gets its second one."""
        due = self._clock.now() + self._settings.page_check_every
        missing_since = known.page_missing_since
        in_doubt = missing_since is not None and due <= missing_since + _MAX_DOUBT
        return replace(known, page_due=due if due <= known.page_checks_end or in_doubt else None)

    async def _save(self, known: ArticleState) -> None:
        await asyncio.to_thread(self._state.save_article, known, seen=self._clock.now())


def _outcome(written: WriteOutcome | None) -> _Outcome:
    if written is None:
        return _Outcome.REJECTED
    return _Outcome.UNCHANGED if written is WriteOutcome.UNCHANGED else _Outcome.UPDATED
