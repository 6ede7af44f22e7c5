"""The sending side of StreamIngest: flow control and resumption. Reached by `GistwireClient.ingest`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

import grpc
from gistwire.v1 import article_pb2
from gistwire.v1.article_pb2 import IngestAcknowledgement, IngestCompleted

from gistwire_client.errors import CallFailedError, error_of
from gistwire_client.stream_retry import StreamRetry
from gistwire_client.threaded_iteration import iterate_in_thread

IngestEvent: TypeAlias = IngestAcknowledgement | IngestCompleted
Articles: TypeAlias = AsyncIterable[article_pb2.Article] | Iterable[article_pb2.Article]
IngestCall: TypeAlias = grpc.aio.StreamStreamCall[
    article_pb2.StreamIngestRequest, article_pb2.StreamIngestResponse
]

_WRITTEN = (IngestAcknowledgement.CREATED, IngestAcknowledgement.UPDATED)

# With this error of its own, grpc.aio hides the status of a stream that broke while a message was written.
_WRITE_FAILED = "Internal error from Core"


@dataclass(frozen=True, slots=True)
class IngestRetry(StreamRetry):
    """How a broken ingest stream is opened again; an acknowledgement is progress."""

    max_tries: int = 6
    initial_backoff_s: float = 0.25
    max_backoff_s: float = 8.0


async def ingest_articles(
    open_call: Callable[[], IngestCall],
    articles: Articles,
    retry: IngestRetry,
    options: article_pb2.IngestOptions | None = None,
) -> AsyncGenerator[IngestEvent, None]:
    """Streams articles to the server. Described at `GistwireClient.ingest`.

    Args:
        open_call: opens a StreamIngest call; asked again after the stream broke.
        articles: what to send.
        retry: when to give up.
        options: how they are indexed; None for the server's defaults.
    """
    ingestion = _Ingestion(open_call, retry, options)
    pump = asyncio.create_task(ingestion.run(articles))
    try:
        while (event := await ingestion.next_event()) is not None:
            yield event
        await pump
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


class _Ingestion:
    """One ingestion: sends in its own task, and holds the events until they are taken.

    `_pending` are the articles without an acknowledgement, by their number; `_in_flight` the numbers among
    them that were sent over the present stream.
    """

    def __init__(
        self,
        open_call: Callable[[], IngestCall],
        retry: IngestRetry,
        options: article_pb2.IngestOptions | None,
    ) -> None:
        self._open_call = open_call
        self._retry = retry
        self._options = options
        self._options_due = False
        self._pending: dict[int, article_pb2.Article] = {}
        self._in_flight: set[int] = set()
        self._window = 0
        self._room_changed = asyncio.Event()
        self._events: asyncio.Queue[IngestEvent | None] = asyncio.Queue()
        self._totals = IngestCompleted()
        self._failures = 0
        self._all_sent = False

    async def next_event(self) -> IngestEvent | None:
        """Takes the next event; None after the last one, or once `run` has failed."""
        event = await self._events.get()
        self._room_changed.set()
        return event

    async def run(self, articles: Articles) -> None:
        """Sends all articles, over as many streams as it takes."""
        feed = _Feed(articles)
        try:
            while True:
                try:
                    await self._stream_once(feed)
                    break
                except grpc.aio.AioRpcError as error:
                    await self._pause_after(error)
            self._events.put_nowait(self._totals)
        finally:
            self._events.put_nowait(None)
            await feed.close()

    async def _pause_after(self, error: grpc.aio.AioRpcError) -> None:
        """Waits before the next stream, or raises if there is to be none."""
        self._failures += 1
        if not _is_broken_stream(error) or self._failures > self._retry.max_tries:
            raise error_of(error) from error
        await asyncio.sleep(self._retry.pause_s(self._failures))

    async def _stream_once(self, feed: "_Feed") -> None:
        """Sends what is not acknowledged, and then the rest, over one stream."""
        self._window = 0
        self._in_flight.clear()
        self._options_due = self._options is not None
        call = self._open_call()
        # A group would wrap what the caller's articles raise.
        both = [asyncio.create_task(self._send(call, feed)), asyncio.create_task(self._receive(call))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_EXCEPTION)
            for task in both:
                if task.done():
                    task.result()
        finally:
            call.cancel()
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _send(self, call: IngestCall, feed: "_Feed") -> None:
        try:
            for number, article in list(self._pending.items()):
                await self._send_one(call, number, article)
            while (next_article := await feed.next_article()) is not None:
                self._pending[feed.count] = next_article
                await self._send_one(call, feed.count, next_article)
            self._all_sent = True
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            # The stream broke. Why, the receiving side is told better.
            return

    async def _send_one(self, call: IngestCall, number: int, article: article_pb2.Article) -> None:
        # Events that nobody has taken count, so that a slow caller slows the server down, too.
        while len(self._in_flight) + self._events.qsize() >= self._window:
            self._room_changed.clear()
            await self._room_changed.wait()
        self._in_flight.add(number)
        # Only the first message of a stream may carry them.
        options, self._options_due = self._options if self._options_due else None, False
        await call.write(article_pb2.StreamIngestRequest(sequence=number, upsert=article, options=options))

    async def _receive(self, call: IngestCall) -> None:
        async for response in call:
            match response.WhichOneof("event"):
                case "flow":
                    self._window = response.flow.window
                    self._room_changed.set()
                case "acknowledgement":
                    self._acknowledge(response.acknowledgement)
                case "completed" if self._all_sent and not self._pending:
                    return
        raise CallFailedError("the server ended the ingest stream before everything was acknowledged")

    def _acknowledge(self, acknowledgement: IngestAcknowledgement) -> None:
        if self._pending.pop(acknowledgement.sequence, None) is None:
            return
        self._in_flight.discard(acknowledgement.sequence)
        self._failures = 0
        self._count(acknowledgement)
        self._events.put_nowait(acknowledgement)

    def _count(self, acknowledgement: IngestAcknowledgement) -> None:
        # The server's own totals are those of the last stream only.
        match acknowledgement.outcome:
            case IngestAcknowledgement.CREATED:
                self._totals.created += 1
            case IngestAcknowledgement.UPDATED:
                self._totals.updated += 1
            case IngestAcknowledgement.UNCHANGED:
                self._totals.unchanged += 1
            case IngestAcknowledgement.REJECTED:
                self._totals.rejected += 1
        if acknowledgement.duplicate_of and acknowledgement.outcome in _WRITTEN:
            self._totals.near_duplicates += 1


def _is_broken_stream(error: grpc.aio.AioRpcError) -> bool:
    if error.code() is grpc.StatusCode.INTERNAL:
        return error.details() == _WRITE_FAILED
    return error.code() is grpc.StatusCode.UNAVAILABLE


class _Feed:
    """The caller's articles, one at a time. A pull that is cancelled loses none: the next goes on with it."""

    def __init__(self, articles: Articles) -> None:
        self._articles = _as_generator(articles)
        self._pull: asyncio.Task[article_pb2.Article | None] | None = None
        self.count = 0
        """Number of articles that were given out."""

    async def next_article(self) -> article_pb2.Article | None:
        """Returns the next article; None after the last one."""
        if self._pull is None:
            self._pull = asyncio.create_task(self._next())
        article = await asyncio.shield(self._pull)
        self._pull = None
        self.count += article is not None
        return article

    async def close(self) -> None:
        """Gives back what the articles come from."""
        if self._pull is not None:
            self._pull.cancel()
            await asyncio.gather(self._pull, return_exceptions=True)
        await self._articles.aclose()

    async def _next(self) -> article_pb2.Article | None:
        return await anext(self._articles, None)


async def _as_generator(articles: Articles) -> AsyncGenerator[article_pb2.Article, None]:
    if isinstance(articles, AsyncIterable):
        iterator = aiter(articles)
        try:
            async for article in iterator:
                yield article
        finally:
            # Else a generator that is left early would keep what it reads open until it is collected.
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()
        return
    async with aclosing(iterate_in_thread(articles)) as read:
        async for article in read:
            yield article
