"""`IngestPipeline`: batches of one sender that overlap on their way through an `Ingestor`, and yet keep their order.

While a batch is written, the next is embedded and the one after that is preprocessed. Several may be written at a
time, since a write can wait for a refresh of the index; the ingestor keeps apart those of the same articles.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gistwire_indexer.index import Visibility
from gistwire_indexer.ingestion import Ingestor, IngestOutcome
from gistwire_indexer.sources.record import RawArticle


@dataclass(frozen=True, slots=True)
class IngestedBatch:
    """What became of a batch.

    Attributes:
        outcomes: for each article what became of it, in order.
        write_s: how long the write took, waits for a refresh or a busy index included, in seconds.
    """

    outcomes: list[IngestOutcome]
    write_s: float


class IngestPipeline:
    """Calls may overlap and take effect in the order in which they were made.

    Each call holds its articles until it ends, so the caller bounds the number of calls under way.

    Args:
        ingestor: what does the work; others may use it, too.
        visibility: when searches see what is written.
    """

    def __init__(self, ingestor: Ingestor, *, visibility: Visibility) -> None:
        self._ingestor = ingestor
        self._visibility = visibility
        # One batch is in each. Locks are fair, and a batch lets go of one only inside the next: none overtakes.
        self._preparing = asyncio.Lock()
        self._embedding = asyncio.Lock()
        self._placing = asyncio.Lock()
        self._unsettled: Counter[str] = Counter()

    async def ingest(self, articles: Sequence[RawArticle]) -> IngestedBatch:
        """Indexes a batch.

        Raises:
            GistwireModelError: as `Ingestor.ingest`.
            IndexUnavailableError: as `Ingestor.ingest`.
        """
        with _Passage() as passage:
            await passage.enter(self._preparing)
            batch = await self._ingestor.prepare(articles, in_doubt=self._unsettled.keys())
            with self._unsettled_meanwhile(batch.ids):
                await passage.enter(self._embedding)
                embeddings = await self._ingestor.embed(batch)
                await passage.enter(self._placing)
                placed = await self._ingestor.place(batch, embeddings)
                passage.leave()
                begin_s = time.monotonic()
                outcomes = await self._ingestor.write(batch, placed, visibility=self._visibility)
                return IngestedBatch(outcomes, time.monotonic() - begin_s)

    async def delete(self, ids: Sequence[str]) -> list[bool]:
        """Deletes articles; says for each whether there was one.

        Raises:
            IndexUnavailableError: the index does not answer.
        """
        with _Passage() as passage:
            await passage.enter(self._preparing)
            with self._unsettled_meanwhile(frozenset(ids)):
                await passage.enter(self._embedding)
                await passage.enter(self._placing)
                return await self._ingestor.delete(ids)

    @contextmanager
    def _unsettled_meanwhile(self, ids: Collection[str]) -> Iterator[None]:
        """Keeps later batches from settling these articles by what is indexed before the block ends."""
        self._unsettled.update(ids)
        try:
            yield
        finally:
            self._unsettled.subtract(ids)
            # A counter keeps what has come down to zero.
            for article_id in ids:
                if not self._unsettled[article_id]:
                    del self._unsettled[article_id]


class _Passage:
    """The way of one batch through stages: it holds a stage until it has the next."""

    def __init__(self) -> None:
        self._held: asyncio.Lock | None = None

    def __enter__(self) -> "_Passage":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    async def enter(self, stage: asyncio.Lock) -> None:
        """Waits for a stage, and leaves the one before."""
        await stage.acquire()
        self.leave()
        self._held = stage

    def leave(self) -> None:
        """Leaves the stage that is held, if any."""
        if self._held is not None:
            self._held.release()
            self._held = None
