"""ArticleService: reads, deletes and ingests articles."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from gistwire.v1 import article_pb2, article_pb2_grpc
from gistwire_indexer.index import IndexedArticle

from gistwire_server.batch_size import BatchSizeController
from gistwire_server.calls import Calls
from gistwire_server.config import LimitsConfig
from gistwire_server.errors import ArticleNotFoundError
from gistwire_server.hit_messages import timestamp
from gistwire_server.ingest_operations import OperationReader
from gistwire_server.ingest_stream import IngestStream
from gistwire_server.overload.deadlines import call_timeout
from gistwire_server.overload.places import Places
from gistwire_server.tenancy import Tenants
from gistwire_server.validation import check_article_id

# Beyond the wait for a refresh: a write that takes longer was postponed by the index, or is too large for it.
_SLOW_WRITE_S = 3.0


class ArticleService(article_pb2_grpc.ArticleServiceServicer):
    """Reads, deletes and ingests articles."""

    def __init__(self, calls: Calls, tenants: Tenants, limits: LimitsConfig) -> None:
        self._calls = calls
        self._tenants = tenants
        self._limits = limits
        self._ingests = Places("ingest", at_work=limits.concurrent_ingests, waiting=0)

    async def GetArticle(  # noqa: N802 (the contract's name)
        self,
        request: article_pb2.GetArticleRequest,
        context: grpc.aio.ServicerContext[article_pb2.GetArticleRequest, article_pb2.GetArticleResponse],
    ) -> article_pb2.GetArticleResponse:
        """Returns one article."""
        async with self._calls.handle(context, "GetArticle") as call, self._timeout(context):
            check_article_id(request.id)
            engines = await self._calls.engines(call)
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
        async with self._calls.handle(context, "DeleteArticle") as call, self._timeout(context):
            check_article_id(request.id)
            engines = await self._calls.engines(call)
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
        async with self._calls.handle(context, "StreamIngest") as call, self._ingests.admit():
            engines = await self._calls.engines(call)
            operations = OperationReader(request_iterator, window=self._limits.ingest_window)
            stream = IngestStream(
                operations,
                self._tenants.ingestor(engines),
                batch_size=BatchSizeController(
                    minimum=self._limits.ingest_batch_minimum,
                    maximum=self._limits.ingest_batch,
                    slow_write_s=_SLOW_WRITE_S + engines.config.elasticsearch.refresh_interval_s,
                ),
                max_window=self._limits.ingest_window,
            )
            try:
                async with aclosing(stream.responses()) as responses:
                    async for response in responses:
                        call.observation.sends(response)
                        yield response
            finally:
                await operations.close()

    def _timeout(self, context: grpc.aio.ServicerContext[Any, Any]) -> asyncio.Timeout:
        return call_timeout(
            context, default_s=self._limits.default_deadline_s, max_s=self._limits.max_deadline_s
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
