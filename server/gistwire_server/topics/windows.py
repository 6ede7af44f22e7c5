"""The stories of a time window, read from the index: `StoryWindows`, called by topic_pipeline.py.

Windows that end with the present are kept and brought up to date, so that a call pays for the articles that are new,
not for all.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from gistwire_indexer.filter import And, Comparison, Field, Filter, Not, Operator, Or, Presence
from gistwire_indexer.index import ArticleIndex, IndexedArticle, IndexPosition

from gistwire_server.engines import Engines
from gistwire_server.topics.plan import TopicsPlan
from gistwire_server.topics.stories import Story, StoryClustering
from gistwire_server.topics.story_articles import covers_all_scripts, story_article, time_of

MAX_WINDOW_ARTICLES = 20_000
"""Most articles of a window that are put into stories: the newest."""

_MAX_KEPT_ARTICLES = 40_000
"""Articles of all windows that are kept together, with their embeddings: about 150 MB."""
_KEPT_BODY_CHARACTERS = 1_000
_PAGE_ARTICLES = 500

WallClock = Callable[[], datetime]
"""The present, with a time zone."""


@dataclass(frozen=True, slots=True)
class WindowStories:
    """The stories of a window.

    Attributes:
        since: its beginning.
        until: its end.
        articles: its articles by identifier; their bodies are cut, and metadata left out.
        stories: the stories; each article is in exactly one.
        is_truncated: whether there were more than `MAX_WINDOW_ARTICLES`.
    """

    since: datetime
    until: datetime
    articles: Mapping[str, IndexedArticle]
    stories: Sequence[Story]
    is_truncated: bool


class StoryWindows:
    """The windows of a server. Those that end with the present are kept, by tenant, filter and length.

    Args:
        overlap: how much longer ago than it became visible an article may have been stamped.
        clock: tells the present.
    """

    def __init__(self, overlap: timedelta, clock: WallClock = lambda: datetime.now(UTC)) -> None:
        self._overlap = overlap
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str, float], _StoryWindow] = OrderedDict()

    async def read(self, plan: TopicsPlan, engines: Engines) -> WindowStories:
        """Returns the stories of a window as the index has them now.

        Raises:
            IndexUnavailableError: the index does not answer.

        Who stops waiting, by a deadline or by cancellation, stops the work.
        """
        if plan.until is not None:
            window = _StoryWindow(plan, engines, self._overlap, self._clock)
            return await window.refreshed(plan.until)
        key = (engines.tenant, str(plan.filter or ""), plan.window_s)
        while True:
            window = self._kept.setdefault(key, _StoryWindow(plan, engines, self._overlap, self._clock))
            async with window.lock:
                if self._kept.get(key) is not window:
                    # It was given up while others waited for it.
                    continue
                try:
                    stories = await window.refreshed(self._clock())
                except BaseException:
                    # What a thread was at when nobody waited any more is not to be built on.
                    self._kept.pop(key, None)
                    raise
                self._kept.move_to_end(key)
                self._make_room()
                return stories

    def _make_room(self) -> None:
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _MAX_KEPT_ARTICLES:
            self._kept.popitem(last=False)


class _StoryWindow:
    """The articles of one window with their stories."""

    def __init__(self, plan: TopicsPlan, engines: Engines, overlap: timedelta, clock: WallClock) -> None:
        self.lock = asyncio.Lock()
        self._filter = plan.filter
        self._end = plan.until
        self._length = timedelta(seconds=plan.window_s)
        self._index: ArticleIndex = engines.index
        self._covers_all = covers_all_scripts(engines.config)
        self._overlap = overlap
        self._clock = clock
        # Also those that are of the future yet.
        self._articles: dict[str, IndexedArticle] = {}
        self._clustering = StoryClustering()
        self._read_until: datetime | None = None
        # When the newest article appeared that was left out because there were too many.
        self._left_out: datetime | None = None

    def __len__(self) -> int:
        return len(self._articles)

    async def refreshed(self, until: datetime) -> WindowStories:
        since = until - self._length
        reading_since = self._clock()
        if self._read_until is None:
            fresh = self._scanned(since)
            lost: set[str] = set()
        else:
            lost = await self._lost()
            fresh = self._indexed_after(self._read_until - self._overlap)
        try:
            async with aclosing(fresh) as articles:
                changed = await self._take(articles, since)
            await asyncio.to_thread(self._update, since, until, lost, changed)
        except BaseException:
            self._clustering.stop()
            raise
        self._read_until = reading_since
        clustered = self._clustering.article_ids
        return WindowStories(
            since=since,
            until=until,
            articles={id_: self._articles[id_] for id_ in clustered},
            stories=self._clustering.stories(),
            is_truncated=self._left_out is not None and self._left_out >= since,
        )

    async def _take(self, articles: AsyncGenerator[IndexedArticle, None], since: datetime) -> set[str]:
        """Takes in what is read; returns the identifiers of articles that are new or changed."""
        changed = set()
        async for indexed in articles:
            id_ = indexed.article.id
            known = self._articles.get(id_)
            if known is not None and known.revision == indexed.revision:
                continue
            if known is not None:
                changed.add(id_)
                del self._articles[id_]
            if self._is_wanted(indexed, since):
                changed.add(id_)
                self._articles[id_] = _light(indexed)
                if len(self._articles) >= 2 * MAX_WINDOW_ARTICLES:
                    self._keep_newest(MAX_WINDOW_ARTICLES, self._articles.values())
        return changed

    def _is_wanted(self, indexed: IndexedArticle, since: datetime) -> bool:
        time = time_of(indexed)
        if time < since or (self._end is not None and time > self._end):
            return False
        return self._filter is None or self._filter.matches(indexed.article)

    async def _lost(self) -> set[str]:
        """Articles that the index no longer has."""
        ids = list(self._articles)
        revisions = await self._index.revisions(ids)
        return {id_ for id_, revision in zip(ids, revisions, strict=True) if revision is None}

    def _update(self, since: datetime, until: datetime, lost: set[str], changed: set[str]) -> None:
        for id_ in lost:
            self._articles.pop(id_, None)
        self._articles = {id_: each for id_, each in self._articles.items() if time_of(each) >= since}
        present = [each for each in self._articles.values() if time_of(each) <= until]
        if len(present) > MAX_WINDOW_ARTICLES:
            self._keep_newest(MAX_WINDOW_ARTICLES, present)
        ids = {each.article.id for each in present} & self._articles.keys()
        clustered = set(self._clustering.article_ids)
        added = sorted((ids - clustered) | (ids & changed))
        self._clustering.update(
            added=[story_article(self._articles[id_], covers_all=self._covers_all) for id_ in added],
            removed=sorted(clustered - ids),
        )

    def _keep_newest(self, count: int, among: Iterable[IndexedArticle]) -> None:
        newest_first = sorted(among, key=lambda each: (time_of(each), each.article.id), reverse=True)
        left_out = time_of(newest_first[count])
        self._left_out = left_out if self._left_out is None else max(left_out, self._left_out)
        for each in newest_first[count:]:
            del self._articles[each.article.id]

    async def _scanned(self, since: datetime) -> AsyncGenerator[IndexedArticle, None]:
        dated: Filter = Comparison(Field.PUBLISHED, Operator.GREATER_OR_EQUAL, since)
        if self._end is not None:
            dated = And((dated, Comparison(Field.PUBLISHED, Operator.LESS_OR_EQUAL, self._end)))
        # Articles without a date take part by the time at which they were indexed.
        in_time: Filter = Or((dated, Not(Presence(Field.PUBLISHED))))
        wanted = in_time if self._filter is None else And((self._filter, in_time))
        async with aclosing(self._index.scan(wanted)) as articles:
            async for indexed in articles:
                yield indexed

    async def _indexed_after(self, moment: datetime) -> AsyncGenerator[IndexedArticle, None]:
        position = IndexPosition(moment)
        while page := await self._index.indexed_after(position, limit=_PAGE_ARTICLES):
            for indexed in page:
                yield indexed
            position = IndexPosition(page[-1].indexed, page[-1].article.id)


def _light(indexed: IndexedArticle) -> IndexedArticle:
    """The article without what stories do not need."""
    article = indexed.article
    body = article.body[:_KEPT_BODY_CHARACTERS]
    return replace(indexed, article=replace(article, body=body, metadata={}))
