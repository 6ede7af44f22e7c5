"""`IngestStream`: what a StreamIngest call answers. Batches overlap; acknowledgements keep their order."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC

from gistwire.v1 import article_pb2
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.index import WriteOutcome
from gistwire_indexer.ingest_pipeline import IngestPipeline
from gistwire_indexer.ingestion import Ingestor, IngestOutcome
from gistwire_indexer.sources import RawArticle

from gistwire_server.batch_size import BatchSizeController
from gistwire_server.errors import status_of
from gistwire_server.ingest_operations import OperationReader

# One is preprocessed, one embedded, and the others are written, which may take them to the next refresh.
_BATCHES_UNDER_WAY = 8

# As many again wait, so that a batch is full whenever the sender keeps up.
_BATCHES_IN_WINDOW = 2 * _BATCHES_UNDER_WAY

_Acknowledgement = article_pb2.IngestAcknowledgement
_OUTCOMES = {
    WriteOutcome.CREATED: _Acknowledgement.CREATED,
    WriteOutcome.UPDATED: _Acknowledgement.UPDATED,
    WriteOutcome.UNCHANGED: _Acknowledgement.UNCHANGED,
}
_TOTALS = {
    _Acknowledgement.CREATED: "created",
    _Acknowledgement.UPDATED: "updated",
    _Acknowledgement.UNCHANGED: "unchanged",
    _Acknowledgement.DELETED: "deleted",
    _Acknowledgement.NOT_FOUND: "not_found",
    _Acknowledgement.REJECTED: "rejected",
}


@dataclass(frozen=True, slots=True)
class _CarriedOut:
    """What became of a batch: acknowledgements in the order of its operations."""

    acknowledgements: list[article_pb2.IngestAcknowledgement]
    write_s: float


class IngestStream:
    """The server's side of one call.

    Args:
        operations: what the sender wants; stays the caller's.
        ingestor: what does it.
        batch_size: how much of it at a time.
        max_window: most operations that may be unacknowledged.
    """

    def __init__(
        self,
        operations: OperationReader,
        ingestor: Ingestor,
        *,
        batch_size: BatchSizeController,
        max_window: int,
    ) -> None:
        self._operations = operations
        self._ingestor = ingestor
        self._batch_size = batch_size
        self._max_window = max_window
        self._places = asyncio.Semaphore(_BATCHES_UNDER_WAY)
        self._batches: asyncio.Queue[asyncio.Task[_CarriedOut] | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[_CarriedOut]] = set()

    async def responses(self) -> AsyncGenerator[article_pb2.StreamIngestResponse, None]:
        """Carries out all operations; leaving the generator cancels those under way.

        Raises:
            InvalidRequestError: an operation is malformed; what came before it was acknowledged.
            GistwireModelError: articles could not be embedded.
            IndexUnavailableError: the index does not answer.
        """
        window = self._window()
        yield _flow(window)
        totals: Counter[str] = Counter()
        beginning = asyncio.create_task(self._begin_batches())
        try:
            while (batch := await self._batches.get()) is not None:
                carried_out = await batch
                self._tasks.discard(batch)
                for acknowledgement in carried_out.acknowledgements:
                    totals[_TOTALS[acknowledgement.outcome]] += 1
                    totals["near_duplicates"] += bool(acknowledgement.duplicate_of)
                    yield article_pb2.StreamIngestResponse(acknowledgement=acknowledgement)
                self._batch_size.record(len(carried_out.acknowledgements), write_s=carried_out.write_s)
                # Not earlier: a sender that does not read its acknowledgements is to be held back.
                self._places.release()
                if window != (window := self._window()):
                    yield _flow(window)
            await beginning
        finally:
            beginning.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(beginning, *self._tasks, return_exceptions=True)
        yield article_pb2.StreamIngestResponse(completed=article_pb2.IngestCompleted(**totals))

    async def _begin_batches(self) -> None:
        """Begins a batch whenever there is a place for it and something to do."""
        try:
            pipeline = IngestPipeline(self._ingestor, visibility=await self._operations.visibility())
            await self._places.acquire()
            while batch := await self._operations.next_batch(self._batch_size.size):
                task = asyncio.create_task(_carry_out(batch, pipeline))
                self._tasks.add(task)
                self._batches.put_nowait(task)
                await self._places.acquire()
        finally:
            self._batches.put_nowait(None)

    def _window(self) -> int:
        return min(self._max_window, _BATCHES_IN_WINDOW * self._batch_size.size)


def _flow(window: int) -> article_pb2.StreamIngestResponse:
    return article_pb2.StreamIngestResponse(flow=article_pb2.IngestFlow(window=window))


async def _carry_out(
    batch: Sequence[article_pb2.StreamIngestRequest], pipeline: IngestPipeline
) -> _CarriedOut:
    """Carries out a batch of one kind."""
    if batch[0].WhichOneof("operation") == "upsert":
        articles: list[RawArticle] = []
        refused: dict[int, IngestOutcome] = {}
        for request in batch:
            try:
                articles.append(raw_article(request.upsert))
            except ArticleError as error:
                refused[request.sequence] = IngestOutcome(request.upsert.id, "", None, error)
        ingested = await pipeline.ingest(articles)
        outcomes = iter(ingested.outcomes)
        acknowledgements = [
            _acknowledge(request.sequence, refused.get(request.sequence) or next(outcomes))
            for request in batch
        ]
        return _CarriedOut(acknowledgements, ingested.write_s)
    deleted = await pipeline.delete([request.delete_id for request in batch])
    return _CarriedOut(
        [
            _Acknowledgement(
                sequence=request.sequence,
                id=request.delete_id,
                outcome=_Acknowledgement.DELETED if was_there else _Acknowledgement.NOT_FOUND,
            )
            for request, was_there in zip(batch, deleted, strict=True)
        ],
        write_s=0.0,
    )


def raw_article(article: article_pb2.Article) -> RawArticle:
    """An article of a request, as the indexer takes it.

    Raises:
        ArticleError: its time is none.
    """
    published = None
    if article.HasField("published"):
        try:
            published = article.published.ToDatetime(tzinfo=UTC)
        except (ValueError, OverflowError) as error:
            raise ArticleError("published", "must be a time between the years 1 and 9999") from error
    return RawArticle(
        id=article.id,
        headline=article.headline,
        body=article.body,
        url=article.url,
        source=article.source,
        language=article.language,
        category=article.category,
        published=published,
        metadata=dict(article.metadata),
    )


def _acknowledge(sequence: int, outcome: IngestOutcome) -> article_pb2.IngestAcknowledgement:
    if outcome.error is not None:
        return _Acknowledgement(
            sequence=sequence,
            id=outcome.id,
            outcome=_Acknowledgement.REJECTED,
            status=status_of(outcome.error),
        )
    if outcome.outcome is None:
        raise AssertionError("an ingest outcome is either written or an error")
    return _Acknowledgement(
        sequence=sequence,
        id=outcome.id,
        revision=outcome.revision,
        outcome=_OUTCOMES[outcome.outcome],
        duplicate_of=outcome.duplicate_of or "",
    )
