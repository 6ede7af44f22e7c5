"""An index in memory whose writes become visible when the test says so, and an encoder, for tests of ingestion."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.filter import Filter
from gistwire_indexer.index import (
    ArticleIndex,
    ArticleToIndex,
    IndexedArticle,
    IndexPosition,
    IndexStatistics,
    Retrieval,
    RetrievalQuery,
    RetrievedLists,
    StoredSummary,
    Visibility,
    WriteOutcome,
)
from gistwire_indexer.sources import RawArticle
from gistwire_models.encoder import Embedding, ModelVersion, Priority, TextEncoder

STORY = RawArticle(
    id="a",
    headline="Solar output tops coal for a full month in Kaldria",
    body="Solar panels produced more electricity than coal throughout July, the first calendar month in which"
    " they have done so, grid figures showed on Monday. Wind fell to its lowest share since March.",
    language="en",
)
COPY = replace(STORY, id="b", body=STORY.body.replace("Monday", "Tuesday"))
OTHER = RawArticle(id="c", headline="Retired couple win a sum over a leaking main", language="en")


class LengthEncoder(TextEncoder):
    """Embeds a text as its length; records what it was asked for.

    Attributes:
        gate: calls wait for it; set at first.
        error: raised by each call while it is set.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.priorities: set[Priority] = set()
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def model(self) -> ModelVersion:
        return ModelVersion("length", "1")

    @property
    def dimension(self) -> int:
        return 1

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:
        self.texts += texts
        await self.gate.wait()
        if self.error:
            raise self.error
        self.priorities.add(priority)
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    async def close(self) -> None:
        pass


class MemoryIndex(ArticleIndex):
    """Holds articles in a dictionary; gives way to other tasks in each call, as a real index does.

    Near-duplicates are found among articles that are visible: at once, or after `refresh`, as the writer wants it.

    Attributes:
        articles: what is durable, by identifier.
        asked: identifiers whose revisions were asked for, in order.
        writes: the identifiers of each write that began, in order.
        refused: identifiers that the index takes no articles of.
        gate: writes wait for it before anything is durable; set at first.
        error: raised by each write while it is set.
    """

    def __init__(self) -> None:
        self.articles: dict[str, ArticleToIndex] = {}
        self.asked: list[str] = []
        self.writes: list[list[str]] = []
        self.refused: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self._visible: dict[str, ArticleToIndex] = {}
        self._refreshed = asyncio.Event()

    def refresh(self) -> None:
        """Makes everything visible that is durable, and ends writes that wait for it."""
        self._visible = dict(self.articles)
        self._refreshed.set()
        self._refreshed = asyncio.Event()

    async def write(
        self, articles: Sequence[ArticleToIndex], *, visibility: Visibility = Visibility.IMMEDIATE
    ) -> list[WriteOutcome | ArticleError]:
        self.writes.append([each.article.id for each in articles])
        await asyncio.sleep(0)
        await self.gate.wait()
        if self.error:
            raise self.error
        outcomes = [self._write(each) for each in articles]
        if visibility is Visibility.IMMEDIATE:
            self.refresh()
        if visibility is Visibility.AWAITED:
            await self._refreshed.wait()
        return outcomes

    def _write(self, article: ArticleToIndex) -> WriteOutcome | ArticleError:
        article_id = article.article.id
        if article_id in self.refused:
            return ArticleError("body", "the index does not take it")
        known = self.articles.get(article_id)
        if known is not None and known.article.revision() == article.article.revision():
            return WriteOutcome.UNCHANGED
        self.articles[article_id] = article
        return WriteOutcome.UPDATED if known else WriteOutcome.CREATED

    async def delete(self, ids: Sequence[str]) -> list[bool]:
        await asyncio.sleep(0)
        deleted = [self.articles.pop(id_, None) is not None for id_ in ids]
        self.refresh()
        return deleted

    async def get(self, ids: Sequence[str]) -> list[IndexedArticle | None]:
        await asyncio.sleep(0)
        return [self._indexed(self.articles[id_]) if id_ in self.articles else None for id_ in ids]

    def _indexed(self, written: ArticleToIndex) -> IndexedArticle:
        article = written.article
        now = datetime.now(UTC)
        return IndexedArticle(article, article.revision(), now, written.duplicate_of, written.embedding)

    async def revisions(self, ids: Sequence[str]) -> list[str | None]:
        self.asked += ids
        await asyncio.sleep(0)
        return [self.articles[id_].article.revision() if id_ in self.articles else None for id_ in ids]

    async def near_duplicates(self, fingerprints: Sequence[tuple[int, ...]]) -> list[list[str]]:
        await asyncio.sleep(0)
        return [
            [id_ for id_, article in self._visible.items() if set(article.fingerprint) & set(wanted)]
            for wanted in fingerprints
        ]

    async def expire(self, before: datetime) -> int:
        raise NotImplementedError

    async def retrieve(self, query: RetrievalQuery) -> RetrievedLists:
        raise NotImplementedError

    def begin_retrieval(self, query: RetrievalQuery) -> Retrieval:
        raise NotImplementedError

    async def indexed_after(self, position: IndexPosition, *, limit: int) -> list[IndexedArticle]:
        raise NotImplementedError

    def scan(self, filter: Filter | None = None) -> AsyncGenerator[IndexedArticle, None]:  # noqa: A002
        raise NotImplementedError

    async def store_summary(self, summary: StoredSummary) -> bool:
        raise NotImplementedError

    async def stored_summaries(self, ids: Sequence[str], model: str) -> list[StoredSummary | None]:
        raise NotImplementedError

    async def generation(self) -> int | None:
        raise NotImplementedError

    async def statistics(self) -> IndexStatistics:
        raise NotImplementedError

    async def close(self) -> None:
        pass


async def until(condition: Callable[[], bool]) -> None:
    """Gives way to other tasks until something is so; fails if it never is."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)
