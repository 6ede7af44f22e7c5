"""The article index that lives in one folder and one process: `EmbeddedIndex`, an `ArticleIndex`."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import structlog
from gistwire_models.encoder import Embedding, ModelVersion
from threadpoolctl import threadpool_limits

from gistwire_indexer.embedded.storage import Storage
from gistwire_indexer.embedded.working_set import WorkingSet
from gistwire_indexer.errors import ArticleError, IndexUnavailableError
from gistwire_indexer.filter import Field, Filter
from gistwire_indexer.index import (
    ArticleToIndex,
    IndexedArticle,
    IndexPosition,
    IndexStatistics,
    RetrievalQuery,
    Retrieved,
    RetrievedLists,
    StoredSummary,
    Visibility,
    WriteOutcome,
)

SOFT_LIMIT_ARTICLES = 100_000
"""Number of articles beyond which a search takes tens of milliseconds and a warning is logged."""

# Two searches of two legs each; more would only wait for a core.
_READING_THREADS = 4

_SCANNED_AT_ONCE = 500

# Other writes wait for so many deletions at most.
_EXPIRED_AT_ONCE = 1_000

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_log = structlog.get_logger(__name__)


class EmbeddedIndex:
    """An `ArticleIndex` in a folder: SQLite on disk, vectors and postings in memory.

    Several processes may have the same folder open; each sees what the others wrote. Reading and writing are
    done in threads of the index, so the event loop is never blocked. A write whose caller is cancelled still
    ends, in one piece.
    """

    def __init__(self, storage: Storage, working_set: WorkingSet, *, dimension: int) -> None:
        """Use `open`."""
        self._storage = storage
        self._working_set = working_set
        self._dimension = dimension
        # A single thread, so that writes come one after another and never hold up reads.
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="gistwire-index-write")
        self._reading = ThreadPoolExecutor(_READING_THREADS, thread_name_prefix="gistwire-index-read")
        self._closed = False
        self._warned = False

    @classmethod
    async def open(
        cls, folder: Path, *, model: ModelVersion, dimension: int, busy_timeout_s: float = 10.0
    ) -> "EmbeddedIndex":
        """Opens the index in a folder, which is made if it is missing.

        Args:
            folder: the folder; no other files of it are touched.
            model: the encoder that embeds articles and queries.
            dimension: length of its vectors.
            busy_timeout_s: how long a write waits for another process that writes.

        Raises:
            IndexFormatError: the index was written by a newer version, or for another encoder.
            IndexUnavailableError: the folder or the files cannot be used.
        """
        storage, working_set = await asyncio.to_thread(_load, folder, model, dimension, busy_timeout_s)
        index = cls(storage, working_set, dimension=dimension)
        index._warn_if_large()
        return index

    async def write(
        self,
        articles: Sequence[ArticleToIndex],
        *,
        visibility: Visibility = Visibility.IMMEDIATE,  # noqa: ARG002  # nothing is gained by less
    ) -> list[WriteOutcome | ArticleError]:
        """As `ArticleIndex.write`, in one transaction, visible at once, and nothing is refused.

        Raises:
            ValueError: an embedding is not ``float32 [dimension]`` of finite numbers.
        """
        for article in articles:
            self._check_embedding(article.embedding)
        outcomes = await self._run(self._writing, self._write, list(articles))
        self._warn_if_large()
        return list(outcomes)

    async def delete(self, ids: Sequence[str]) -> list[bool]:
        """As `ArticleIndex.delete`."""
        return await self._run(self._writing, self._delete, list(ids))

    async def expire(self, before: datetime) -> int:
        """As `ArticleIndex.expire`."""
        expired = 0
        while step := await self._run(self._writing, self._expire, before):
            expired += step
        return expired

    async def get(self, ids: Sequence[str]) -> list[IndexedArticle | None]:
        """As `ArticleIndex.get`."""
        return await self._run(self._reading, self._storage.get, list(ids))

    async def revisions(self, ids: Sequence[str]) -> list[str | None]:
        """As `ArticleIndex.revisions`."""
        return await self._run(self._reading, self._storage.revisions, list(ids))

    async def retrieve(self, query: RetrievalQuery) -> RetrievedLists:
        """As `ArticleIndex.retrieve`.

        Raises:
            ValueError: the query's embedding is not ``float32 [dimension]`` of finite numbers.
        """
        return await self.begin_retrieval(query).lists(query.embedding)

    def begin_retrieval(self, query: RetrievalQuery) -> "EmbeddedRetrieval":
        """As `ArticleIndex.begin_retrieval`: words are looked for at once, in a thread."""
        if self._closed:
            raise IndexUnavailableError("the index was closed")
        words = self._reading.submit(self._search_words, query)
        return EmbeddedRetrieval(words, lambda embedding: self._nearest(embedding, query))

    async def near_duplicates(self, fingerprints: Sequence[tuple[int, ...]]) -> list[list[str]]:
        """As `ArticleIndex.near_duplicates`."""
        return await self._run(self._reading, self._storage.near_duplicates, list(fingerprints))

    async def indexed_after(self, position: IndexPosition, *, limit: int) -> list[IndexedArticle]:
        """As `ArticleIndex.indexed_after`."""
        return await self._run(self._reading, self._storage.indexed_after, position, limit=limit)

    async def scan(self, filter: Filter | None = None) -> AsyncGenerator[IndexedArticle, None]:  # noqa: A002
        """As `ArticleIndex.scan`."""
        number = 0
        while True:
            articles, last = await self._run(
                self._reading, self._storage.read_by_number, number, limit=_SCANNED_AT_ONCE
            )
            for indexed in articles:
                if filter is None or filter.matches(indexed.article):
                    yield indexed
            if last == number:
                return
            number = last

    async def store_summary(self, summary: StoredSummary) -> bool:
        """As `ArticleIndex.store_summary`.

        Raises:
            ValueError: the summary's embedding is not ``float32 [dimension]`` of finite numbers.
        """
        if summary.embedding is not None:
            self._check_embedding(summary.embedding)
        return await self._run(self._writing, self._storage.store_summary, summary)

    async def stored_summaries(self, ids: Sequence[str], model: str) -> list[StoredSummary | None]:
        """As `ArticleIndex.stored_summaries`."""
        return await self._run(self._reading, self._storage.stored_summaries, list(ids), model)

    async def generation(self) -> int:
        """As `ArticleIndex.generation`, by the commits to the file, whichever process made them."""
        if self._closed:
            raise IndexUnavailableError("the index was closed")
        # Another thread would take ten times as long.
        return self._storage.generation()

    async def statistics(self) -> IndexStatistics:
        """As `ArticleIndex.statistics`."""
        return await self._run(self._reading, self._statistics)

    async def close(self) -> None:
        """As `ArticleIndex.close`. Calls under way are waited for."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._shut_down)

    async def _run(
        self,
        executor: Executor,
        work: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Result:
        if self._closed:
            raise IndexUnavailableError("the index was closed")
        return await asyncio.wrap_future(executor.submit(work, *args, **kwargs))

    def _write(self, articles: list[ArticleToIndex]) -> list[WriteOutcome]:
        outcomes = self._storage.write(articles)
        self._working_set.refresh()
        return outcomes

    def _delete(self, ids: list[str]) -> list[bool]:
        deleted = self._storage.delete(ids)
        self._working_set.refresh()
        return deleted

    def _expire(self, before: datetime) -> int:
        expired = self._storage.expire(before, limit=_EXPIRED_AT_ONCE)
        self._working_set.refresh()
        return expired

    async def _nearest(self, embedding: Embedding | None, query: RetrievalQuery) -> tuple[Retrieved, ...]:
        if embedding is None:
            return ()
        self._check_embedding(embedding)
        return await self._run(self._reading, self._search_vectors, embedding, query)

    def _search_words(self, query: RetrievalQuery) -> tuple[Retrieved, ...]:
        if query.text is None or query.depth < 1:
            return ()
        self._working_set.refresh()
        return self._working_set.search_words(query.text, query.filter, query.depth)

    def _search_vectors(self, embedding: Embedding, query: RetrievalQuery) -> tuple[Retrieved, ...]:
        if query.depth < 1:
            return ()
        self._working_set.refresh()
        return self._working_set.search_vectors(embedding, query.filter, query.depth)

    def _statistics(self) -> IndexStatistics:
        self._working_set.refresh()
        return IndexStatistics(
            articles=len(self._working_set),
            summaries=self._storage.count_summaries(),
            bytes_on_disk=self._storage.bytes_on_disk(),
            languages=self._working_set.counts(Field.LANGUAGE),
            sources=self._working_set.counts(Field.SOURCE),
        )

    def _shut_down(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        self._storage.close()

    def _check_embedding(self, embedding: Embedding) -> None:
        if embedding.shape != (self._dimension,) or not np.isfinite(embedding).all():
            raise ValueError(
                f"an embedding must have {self._dimension} finite numbers, not {embedding.shape}"
            )

    def _warn_if_large(self) -> None:
        if len(self._working_set) > SOFT_LIMIT_ARTICLES and not self._warned:
            self._warned = True
            _log.warning(
                "embedded_index_large",
                articles=len(self._working_set),
                soft_limit=SOFT_LIMIT_ARTICLES,
                advice="beyond this size, use the Elasticsearch index",
            )


@dataclass(frozen=True, slots=True)
class EmbeddedRetrieval:
    """A `Retrieval` whose words are being looked for.

    Attributes:
        words: the lexical list.
        nearest: finds the dense list.
    """

    words: Future[tuple[Retrieved, ...]]
    nearest: Callable[[Embedding | None], Awaitable[tuple[Retrieved, ...]]]

    async def lists(self, embedding: Embedding | None) -> RetrievedLists:
        """As `Retrieval.lists`.

        Raises:
            ValueError: the embedding is not ``float32 [dimension]`` of finite numbers.
        """
        lexical, dense = await asyncio.gather(asyncio.wrap_future(self.words), self.nearest(embedding))
        return RetrievedLists(lexical, dense)


def _load(
    folder: Path, model: ModelVersion, dimension: int, busy_timeout_s: float
) -> tuple[Storage, WorkingSet]:
    # Searches run beside each other and share the cores. The threads of one product would spin while they wait for
    # those cores, which takes several times as long as the product.
    threadpool_limits(1, user_api="blas")
    storage = Storage(folder, model=model, dimension=dimension, busy_timeout_s=busy_timeout_s)
    try:
        working_set = WorkingSet(storage, dimension)
        working_set.refresh()
    except BaseException:
        storage.close()
        raise
    return storage, working_set
