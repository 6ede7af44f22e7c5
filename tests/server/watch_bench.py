"""Servers over one index, with a clock and polls that a test moves; `open_index` says on which index."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from gistwire.v1 import events_pb2
from gistwire_indexer.article import Article
from gistwire_indexer.elasticsearch import ElasticsearchSettings, ElasticsearchStore
from gistwire_indexer.embedded import EmbeddedIndex
from gistwire_indexer.filter import Filter
from gistwire_indexer.index import ArticleIndex, ArticleToIndex
from gistwire_indexer.user_events import UserEventStore
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer
from gistwire_server.article_feed import ArticleFeed
from gistwire_server.config import ServerConfig
from gistwire_server.engines import Engines
from gistwire_server.paging import TokenSigner
from gistwire_server.plan import WatchPlan
from gistwire_server.scoring import Scorer
from gistwire_server.watch import WatchUpdate, watch_events

from tests.server.conftest import PLAN

OVERLAP = timedelta(seconds=60)
BEGIN = datetime(2026, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC)
ENCODER = ScriptedEncoder()

EventT = TypeVar("EventT")
OpenIndex = Callable[[], AbstractAsyncContextManager[ArticleIndex]]
"""Opens a new, empty index."""


@pytest.fixture(params=["embedded", "elasticsearch"])
def open_index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenIndex:
    """The indices that a watch is tested on."""
    if request.param == "elasticsearch":
        return _in_cluster(request.getfixturevalue("elasticsearch_server").url)

    @asynccontextmanager
    async def opened() -> AsyncIterator[ArticleIndex]:
        folder = tmp_path_factory.mktemp("index")
        index = await EmbeddedIndex.open(folder, model=ENCODER.model, dimension=ENCODER.dimension)
        try:
            yield index
        finally:
            await index.close()

    return opened


def _in_cluster(url: str) -> OpenIndex:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ArticleIndex]:
        settings = ElasticsearchSettings(
            urls=(url,), prefix=f"watch-{secrets.token_hex(4)}", refresh_interval_s=0.2
        )
        store = ElasticsearchStore(settings, model=ENCODER.model, dimension=ENCODER.dimension)
        try:
            yield await store.tenant("default")
            names = list(await store.client.indices.get(index=f"{settings.prefix}.*"))
            await store.client.indices.delete(index=names)
        finally:
            await store.close()

    return opened


@pytest.fixture
async def index(open_index: OpenIndex) -> AsyncIterator[ArticleIndex]:
    """An index without articles."""
    async with open_index() as opened:
        yield opened


@dataclass
class Clock:
    """The present, and later if a test says so: indices stamp articles by the real clock."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Polls:
    """Lets a poller go on when a test says so."""

    _resting: asyncio.Event = field(default_factory=asyncio.Event)
    _allowed: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def pause(self, _seconds: float) -> None:
        self._resting.set()
        await self._allowed.acquire()

    async def run(self, times: int = 1) -> None:
        """Lets so many polls happen, and waits for their end."""
        for _ in range(times):
            await self._resting.wait()
            self._resting.clear()
            self._allowed.release()
        await self._resting.wait()

    async def run_whole(self) -> None:
        """Lets polls happen until the whole overlap was read again."""
        await self.run(8)


@dataclass
class Replica:
    """A server's engines and feed over an index that others may have, too."""

    index: ArticleIndex
    clock: Clock = field(default_factory=Clock)
    polls: Polls = field(default_factory=Polls)
    summarizer: ScriptedSummarizer = field(default_factory=ScriptedSummarizer)
    config: ServerConfig = field(default_factory=lambda: ServerConfig(data_dir=Path("unused")))

    def __post_init__(self) -> None:
        self.feed = ArticleFeed(
            self.index, interval_s=0.5, overlap=OVERLAP, clock=self.clock, pause=self.polls.pause
        )
        self.engines = Engines(
            config=self.config,
            index=self.index,
            # A watch knows no users.
            user_events=cast(UserEventStore, None),
            encoder=ENCODER,
            summarizer=self.summarizer,
            scorer=Scorer(),
            signer=TokenSigner(b"k" * 32, lifetime_s=600),
        )

    def watch(self, plan: WatchPlan, resume_token: str = "") -> AsyncGenerator[WatchUpdate, None]:
        return watch_events(plan, self.engines, self.feed, request_id="r", resume_token=resume_token)


def watching(
    query: str = "harbour",
    *,
    past_hits: int = 10,
    min_similarity: float = 1.0,
    filter_: Filter | None = None,
) -> WatchPlan:
    """A plan; by default only articles with all words of the query match."""
    search = replace(PLAN, query=query, filter=filter_, top_k=past_hits)
    return WatchPlan(search, min_similarity, None)


def article(article_id: str, headline: str = "Harbour reopens", **fields: Any) -> Article:
    return Article(**{"id": article_id, "headline": headline, "language": "en", **fields})


async def write(index: ArticleIndex, *articles: Article, duplicate_of: str | None = None) -> None:
    """Indexes articles, one write each, so that their order is known."""
    for each in articles:
        (embedding,) = await ENCODER.encode([each.text])
        await index.write([ArticleToIndex(each, embedding, (), duplicate_of)])


async def write_together(index: ArticleIndex, *articles: Article) -> None:
    embeddings = await ENCODER.encode([each.text for each in articles])
    await index.write([ArticleToIndex(*each) for each in zip(articles, embeddings, strict=True)])


async def _next(updates: AsyncGenerator[WatchUpdate, None]) -> WatchUpdate:
    # Far beyond what it takes: a watch that misses what a test waits for fails it.
    async with asyncio.timeout(30):
        return await anext(updates)


async def take(updates: AsyncGenerator[WatchUpdate, None], count: int) -> list[WatchUpdate]:
    return [await _next(updates) for _ in range(count)]


async def take_until(updates: AsyncGenerator[WatchUpdate, None], kind: type[object]) -> list[WatchUpdate]:
    """Takes updates up to the first event of a kind."""
    taken: list[WatchUpdate] = []
    while not taken or not isinstance(taken[-1].event, kind):
        taken.append(await _next(updates))
    return taken


async def take_article(
    updates: AsyncGenerator[WatchUpdate, None], article_id: str, *, before: Sequence[WatchUpdate] = ()
) -> list[WatchUpdate]:
    """Takes updates until an article has its summary, and no other hit is left open.

    Args:
        updates: a watch.
        article_id: the article.
        before: updates that were taken earlier.
    """
    taken: list[WatchUpdate] = []
    while True:
        taken.append(await _next(updates))
        whole = [*before, *taken]
        summarized = {each.article_id for each in of_kind(whole, events_pb2.Summary)}
        if article_id in summarized and count_open(whole) == 0:
            return taken


def count_open(updates: Sequence[WatchUpdate]) -> int:
    """Number of hits that were shown, less those that have ended."""
    ended = [*of_kind(updates, events_pb2.Summary), *of_kind(updates, events_pb2.HitFailed)]
    return len(shown(updates)) - len(ended)


def of_kind(updates: Sequence[WatchUpdate], kind: type[EventT]) -> list[EventT]:
    return [update.event for update in updates if isinstance(update.event, kind)]


def shown(updates: Sequence[WatchUpdate]) -> list[tuple[str, str]]:
    """The articles that were shown, with their revisions, in order."""
    return [
        (hit.article.id, hit.article.revision)
        for hits in of_kind(updates, events_pb2.Hits)
        for hit in hits.hits
    ]


def shown_ids(updates: Sequence[WatchUpdate]) -> list[str]:
    return [article_id for article_id, _ in shown(updates)]
