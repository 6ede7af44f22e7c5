"""ArticleService: reads, deletes and ingests articles."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from itertools import groupby

import grpc
from gistwire.v1 import article_pb2, article_pb2_grpc
from gistwire_indexer.index import IndexedArticle, WriteOutcome
from gistwire_indexer.ingestion import Ingestor, IngestOutcome
from gistwire_indexer.sources import RawArticle

from gistwire_server.admission import Admission
from gistwire_server.call_log import logged_call
from gistwire_server.config import LimitsConfig
from gistwire_server.errors import (
    ArticleNotFoundError,
    FieldViolation,
    InvalidRequestError,
    reporting_errors,
    status_of,
)
from gistwire_server.pipeline import timestamp
from gistwire_server.tenancy import Tenants
from gistwire_server.validation import check_article_id

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


class ArticleService(article_pb2_grpc.ArticleServiceServicer):
    """Reads, deletes and ingests articles."""

    def __init__(self, tenants: Tenants, limits: LimitsConfig) -> None:
        self._tenants = tenants
        self._limits = limits
        self._admission = Admission("ingest", at_work=limits.concurrent_ingests, waiting=0)

    async def GetArticle(  # noqa: N802 (the contract's name)
        self,
        request: article_pb2.GetArticleRequest,
        context: grpc.aio.ServicerContext[article_pb2.GetArticleRequest, article_pb2.GetArticleResponse],
    ) -> article_pb2.GetArticleResponse:
        """Returns one article."""
        async with reporting_errors(context):
            check_article_id(request.id)
            engines = await self._tenants.engines_of(context)
            (found,) = await engines.index.get([request.id])
            if found is None:
                raise ArticleNotFoundError("there is no article with this id")
            return article_pb2.GetArticleResponse(article=_article_message(found))

    async def DeleteArticle(  # noqa: N802
        self,
        request: article_pb2.DeleteArticleRequest,
        context: grpc.aio.ServicerContext[
            article_pb2.DeleteArticleRequest, article_pb2.DeleteArticleResponse
        ],
    ) -> article_pb2.DeleteArticleResponse:
        """Deletes one article."""
        async with reporting_errors(context):
            check_article_id(request.id)
            engines = await self._tenants.engines_of(context)
            (deleted,) = await self._tenants.ingestor(engines).delete([request.id])
            if not deleted and not request.allow_missing:
                raise ArticleNotFoundError("there is no article with this id")
            return article_pb2.DeleteArticleResponse(deleted=deleted)

    async def StreamIngest(  # noqa: N802
        self,
        request_iterator: AsyncIterator[article_pb2.StreamIngestRequest],
        context: grpc.aio.ServicerContext[article_pb2.StreamIngestRequest, article_pb2.StreamIngestResponse],
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        """Ingests articles and acknowledges each."""
        async with (
            reporting_errors(context),
            logged_call("StreamIngest", uuid.uuid4().hex),
            self._admission.admit(),
        ):
            ingestor = self._tenants.ingestor(await self._tenants.engines_of(context))
            flow = article_pb2.IngestFlow(window=self._limits.ingest_window)
            yield article_pb2.StreamIngestResponse(flow=flow)
            totals: Counter[str] = Counter()
            operations = _Operations(request_iterator, window=self._limits.ingest_window)
            try:
                while batch := await operations.next_batch(self._limits.ingest_batch):
                    for acknowledgement in await _carry_out(batch, ingestor):
                        totals[_TOTALS[acknowledgement.outcome]] += 1
                        totals["near_duplicates"] += bool(acknowledgement.duplicate_of)
                        yield article_pb2.StreamIngestResponse(acknowledgement=acknowledgement)
            finally:
                await operations.close()
            yield article_pb2.StreamIngestResponse(completed=article_pb2.IngestCompleted(**totals))


async def _carry_out(
    batch: Sequence[article_pb2.StreamIngestRequest], ingestor: Ingestor
) -> list[article_pb2.IngestAcknowledgement]:
    """Carries out operations in their order: runs of articles together, runs of deletions together."""
    acknowledgements: list[article_pb2.IngestAcknowledgement] = []
    for kind, grouped in groupby(batch, key=lambda request: request.WhichOneof("operation")):
        run = list(grouped)
        if kind == "upsert":
            outcomes = await ingestor.ingest([_raw_article(request.upsert) for request in run])
            acknowledgements += [
                _acknowledge(request.sequence, outcome)
                for request, outcome in zip(run, outcomes, strict=True)
            ]
        else:
            deleted = await ingestor.delete([request.delete_id for request in run])
            acknowledgements += [
                _Acknowledgement(
                    sequence=request.sequence,
                    id=request.delete_id,
                    outcome=_Acknowledgement.DELETED if was_there else _Acknowledgement.NOT_FOUND,
                )
                for request, was_there in zip(run, deleted, strict=True)
            ]
    return acknowledgements


class _Operations:
    """Reads the sender's operations ahead of the work, at most a window of them.

    While the queue is full nothing is read, and the transport holds the sender back.
    """

    def __init__(self, requests: AsyncIterator[article_pb2.StreamIngestRequest], *, window: int) -> None:
        self._queue: asyncio.Queue[article_pb2.StreamIngestRequest | None] = asyncio.Queue(window)
        self._reader = asyncio.create_task(self._read(requests))
        self._ended = False

    async def next_batch(self, size: int) -> list[article_pb2.StreamIngestRequest]:
        """Waits for one operation and takes what else is there; empty when the sender has closed.

        Raises:
            InvalidRequestError: an operation is malformed; what came before it was handed out.
        """
        batch: list[article_pb2.StreamIngestRequest] = []
        while not self._ended and len(batch) < size and not (batch and self._queue.empty()):
            request = await self._queue.get()
            if request is None:
                self._ended = True
            else:
                batch.append(request)
        if self._ended and not batch:
            await self._reader
        return batch

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self, requests: AsyncIterator[article_pb2.StreamIngestRequest]) -> None:
        latest = 0
        try:
            async for request in requests:
                _check_operation(request, latest)
                latest = request.sequence
                await self._queue.put(request)
        finally:
            await self._queue.put(None)


def _check_operation(request: article_pb2.StreamIngestRequest, latest: int) -> None:
    violations = []
    if request.sequence <= latest:
        violations.append(
            FieldViolation("sequence", f"is {request.sequence}; it must be greater than {latest}")
        )
    match request.WhichOneof("operation"):
        case None:
            violations.append(FieldViolation("operation", "must be upsert or delete_id"))
        case "delete_id" if not request.delete_id:
            violations.append(FieldViolation("delete_id", "must not be empty"))
    if violations:
        raise InvalidRequestError(violations)


def _raw_article(article: article_pb2.Article) -> RawArticle:
    published = article.published.ToDatetime(tzinfo=UTC) if article.HasField("published") else None
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
        revision=outcome.revision or "",
        outcome=_OUTCOMES[outcome.outcome],
        duplicate_of=outcome.duplicate_of or "",
    )


def _article_message(indexed: IndexedArticle) -> article_pb2.Article:
    article = indexed.article
    return article_pb2.Article(
        id=article.id,
        headline=article.headline,
        body=article.body,
        url=article.url,
        source=article.source,
        language=article.language,
        category=article.category,
        published=None if article.published is None else timestamp(article.published),
        metadata=dict(article.metadata),
        revision=indexed.revision,
        indexed=timestamp(indexed.indexed),
        duplicate_of=indexed.duplicate_of or "",
    )
