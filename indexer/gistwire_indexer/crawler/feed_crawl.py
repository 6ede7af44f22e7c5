"""`FeedCrawl`: asks one feed, takes in what it says, and plans when it is asked again."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from gistwire_indexer.crawler.clock import Clock
from gistwire_indexer.crawler.configuration import FeedConfiguration
from gistwire_indexer.crawler.entry import MAX_ENTRIES, Entry, entries_of
from gistwire_indexer.crawler.intake import ArticleIntake, EntryOutcome, TakenEntry
from gistwire_indexer.crawler.polite_fetching import PoliteFetcher
from gistwire_indexer.crawler.report import FeedOutcome, FeedReport
from gistwire_indexer.crawler.schedule import interval_after_success, pause_after_failure, retry_after
from gistwire_indexer.crawler.state import CrawlState
from gistwire_indexer.crawler.state_rows import FeedState
from gistwire_indexer.errors import HostPausedError, SourceError
from gistwire_indexer.sources.feed import FeedDocument, parse_feed
from gistwire_indexer.sources.fetching import FetchedDocument

_NOT_MODIFIED = 304
_GONE = 410

# Pages mostly lie on one host and come one by one, and each may be large.
_ENTRIES_AT_A_TIME = 64
_ENTRIES_WITH_PAGES_AT_A_TIME = 4


class FeedCrawl:
    """Crawls feeds, any number at a time.

    Args:
        state: what is known of feeds.
        fetcher: asks servers; stays the caller's.
        intake: takes entries in.
        clock: tells the time.
    """

    def __init__(
        self, *, state: CrawlState, fetcher: PoliteFetcher, intake: ArticleIntake, clock: Clock
    ) -> None:
        self._state = state
        self._fetcher = fetcher
        self._intake = intake
        self._clock = clock

    async def crawl(self, feed: FeedConfiguration) -> FeedReport:
        """Asks a feed; returns once every article of it was acknowledged and what came of it is remembered."""
        known = await asyncio.to_thread(self._state.feed, feed.url, now=self._clock.now())
        try:
            document = await self._fetcher.get(
                known.location, etag=known.etag, last_modified=known.last_modified
            )
            if document.status == _GONE:
                return await self._stop(feed, known)
            if document.status == _NOT_MODIFIED:
                return await self._leave(feed, known, document)
            if not document.is_success:
                pause = retry_after(document.headers, self._clock.now())
                return await self._fail(feed, known, f"the server answers {document.status}", pause)
            said = await asyncio.to_thread(_parse, document)
        except HostPausedError as error:
            return await self._fail(feed, known, str(error), timedelta(seconds=error.left_s))
        except SourceError as error:
            return await self._fail(feed, known, str(error), None)
        return await self._take(feed, known, document, said)

    async def _take(
        self, feed: FeedConfiguration, known: FeedState, document: FetchedDocument, said: FeedDocument
    ) -> FeedReport:
        entries = await asyncio.to_thread(entries_of, said, feed, base_url=document.url)
        taken = await self._take_entries(entries, feed)
        removed = [await self._intake.remove(guid, feed) for guid in said.deleted_ids[:MAX_ENTRIES]]
        update_interval = said.update_interval or timedelta()
        interval = interval_after_success(feed.every, document.headers, update_interval)
        state = FeedState(
            location=document.permanent_url,
            etag=document.headers.get("etag", ""),
            last_modified=document.headers.get("last-modified", ""),
            due=self._clock.now() + interval,
            update_interval=update_interval,
        )
        await asyncio.to_thread(self._state.save_feed, feed.url, state)
        counts = Counter(each.outcome for each in taken)
        return FeedReport(
            feed=feed.url,
            title=feed.title,
            outcome=FeedOutcome.READ,
            new=counts[EntryOutcome.NEW],
            updated=counts[EntryOutcome.UPDATED],
            unchanged=counts[EntryOutcome.UNCHANGED],
            duplicates=counts[EntryOutcome.DUPLICATE],
            rejected=counts[EntryOutcome.REJECTED],
            removed=sum(removed),
            pages_unavailable=sum(each.page_unavailable for each in taken),
            reason="" if state.location == known.location else f"moved to {state.location}",
            next_due=state.due,
        )

    async def _take_entries(self, entries: Sequence[Entry], feed: FeedConfiguration) -> list[TakenEntry]:
        room = asyncio.Semaphore(_ENTRIES_WITH_PAGES_AT_A_TIME if feed.full_text else _ENTRIES_AT_A_TIME)

        async def take(entry: Entry) -> TakenEntry:
            async with room:
                return await self._intake.take(entry, feed)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(take(entry)) for entry in entries]
        return [task.result() for task in tasks]

    async def _leave(
        self, feed: FeedConfiguration, known: FeedState, document: FetchedDocument
    ) -> FeedReport:
        interval = interval_after_success(feed.every, document.headers, known.update_interval)
        due = self._clock.now() + interval
        state = replace(known, location=document.permanent_url, due=due, failures=0)
        await asyncio.to_thread(self._state.save_feed, feed.url, state)
        return FeedReport(
            feed=feed.url, title=feed.title, outcome=FeedOutcome.NOT_MODIFIED, next_due=state.due
        )

    async def _stop(self, feed: FeedConfiguration, known: FeedState) -> FeedReport:
        await asyncio.to_thread(self._state.save_feed, feed.url, replace(known, stopped=True))
        reason = "the server says that the feed is gone for good"
        return FeedReport(feed=feed.url, title=feed.title, outcome=FeedOutcome.STOPPED, reason=reason)

    async def _fail(
        self, feed: FeedConfiguration, known: FeedState, reason: str, pause: timedelta | None
    ) -> FeedReport:
        failures = known.failures + 1
        due = self._clock.now() + pause_after_failure(feed.every, failures, pause)
        await asyncio.to_thread(self._state.save_feed, feed.url, replace(known, due=due, failures=failures))
        return FeedReport(
            feed=feed.url, title=feed.title, outcome=FeedOutcome.FAILED, reason=reason, next_due=due
        )


def _parse(document: FetchedDocument) -> FeedDocument:
    try:
        return parse_feed(document.body, origin=document.url)
    except SourceError:
        raise
    except Exception as error:
        # What a parser makes of hostile input is anyone's guess.
        raise SourceError(f"{document.url}: the feed cannot be read: {type(error).__name__}") from error
