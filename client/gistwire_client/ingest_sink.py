"""`IngestSink`: hands articles one by one to a server's ingest stream. `gistwire crawl` uses it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gistwire.v1 import article_pb2
from gistwire.v1.article_pb2 import IngestAcknowledgement

from gistwire_client.client import GistwireClient
from gistwire_client.source_articles import rejection_of, to_message

if TYPE_CHECKING:
    from gistwire_indexer.index import WriteOutcome
    from gistwire_indexer.sources import RawArticle

_IDLE_S = 30.0


@dataclass(frozen=True, slots=True)
class _Item:
    """An article on its way, and what its acknowledgement is given to."""

    article: article_pb2.Article
    acknowledged: asyncio.Future[IngestAcknowledgement]


class IngestSink:
    """An `ArticleSink` of the crawler; used with ``async with``.

    A stream is opened when there is an article to send, and closed when there was none for half a minute: a
    server admits few streams at a time. Articles that are sent at the same time share it.

    Args:
        client: the server; stays the caller's.
    """

    def __init__(self, client: GistwireClient) -> None:
        self._client = client
        self._waiting: asyncio.Queue[_Item] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._sender = asyncio.create_task(self._send_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)

    async def upsert(self, article: "RawArticle") -> "WriteOutcome":
        """Sends an article, and waits until it is acknowledged.

        Raises:
            ArticleError: the server rejected it, or it is too large to be sent.
            GistwireClientError: the stream failed.
        """
        if self._sender is None:
            raise RuntimeError("the sink is not open: use it with `async with`")
        item = _Item(to_message(article), asyncio.get_running_loop().create_future())
        self._waiting.put_nowait(item)
        either: set[asyncio.Future[Any]] = {item.acknowledged, self._sender}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not item.acknowledged.done():
            # The sender ends only by failing.
            self._sender.result()
        return _outcome(item.acknowledged.result())

    async def delete(self, article_id: str) -> None:
        """Deletes an article; one that does not exist is no error.

        Raises:
            GistwireClientError: the server did not.
        """
        await self._client.delete_article(article_id, allow_missing=True)

    async def _send_all(self) -> None:
        while True:
            first = await self._waiting.get()
            await self._send_over_one_stream(first)

    async def _send_over_one_stream(self, first: _Item) -> None:
        unacknowledged: dict[int, _Item] = {}
        async with aclosing(self._client.ingest(self._articles(first, unacknowledged))) as events:
            async for event in events:
                if isinstance(event, IngestAcknowledgement):
                    item = unacknowledged.pop(event.sequence)
                    # Whoever waited may have been cancelled.
                    if not item.acknowledged.done():
                        item.acknowledged.set_result(event)

    async def _articles(
        self, first: _Item, unacknowledged: dict[int, _Item]
    ) -> AsyncGenerator[article_pb2.Article, None]:
        """Yields articles until there is none for a while; remembers each by the number that it gets."""
        number = 0
        item: _Item | None = first
        while item is not None:
            number += 1
            unacknowledged[number] = item
            yield item.article
            item = await self._next()

    async def _next(self) -> _Item | None:
        try:
            async with asyncio.timeout(_IDLE_S):
                return await self._waiting.get()
        except TimeoutError:
            return None


def _outcome(acknowledgement: IngestAcknowledgement) -> "WriteOutcome":
    from gistwire_indexer.index import WriteOutcome  # noqa: PLC0415

    match acknowledgement.outcome:
        case IngestAcknowledgement.CREATED:
            return WriteOutcome.CREATED
        case IngestAcknowledgement.UPDATED:
            return WriteOutcome.UPDATED
        case IngestAcknowledgement.UNCHANGED:
            return WriteOutcome.UNCHANGED
        case _:
            raise rejection_of(acknowledgement)
