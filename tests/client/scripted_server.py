"""A gRPC server on a Unix socket whose services answer as a test tells them: see the `server` fixture."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
from gistwire.v1 import article_pb2, article_pb2_grpc, events_pb2, search_pb2, search_pb2_grpc
from google.protobuf.message import Message
from google.rpc import status_pb2

IngestStream: TypeAlias = Callable[
    [AsyncIterator[article_pb2.StreamIngestRequest], grpc.aio.ServicerContext[Any, Any]],
    AsyncIterator[article_pb2.StreamIngestResponse],
]


@dataclass(frozen=True)
class Refusal:
    """A status other than OK, with the messages that are attached to it."""

    code: grpc.StatusCode
    message: str
    details: Sequence[Message] = ()

    async def abort(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        for detail in self.details:
            status.details.add().Pack(detail)
        metadata = (("grpc-status-details-bin", status.SerializeToString()),) if self.details else ()
        await context.abort(self.code, self.message, metadata)


@dataclass(frozen=True)
class WatchScript:
    """What a Watch call answers: these events; then it breaks with the refusal, or lasts until it is cancelled."""

    events: Sequence[search_pb2.WatchResponse] = ()
    refusal: Refusal | None = None


@dataclass
class ScriptedSearch(search_pb2_grpc.SearchServiceServicer):
    """Streams `events`, waits before those that `gates` name, and ends as `refusal` and `holds` say.

    A stream that holds ends only if it is cancelled; `ended` tells. Each Watch call follows the next of `watches`.
    """

    events: Sequence[search_pb2.StreamSearchResponse] = ()
    gates: dict[int, asyncio.Event] = field(default_factory=dict)
    refusal: Refusal | None = None
    holds: bool = False
    pages: dict[str, search_pb2.SearchResponse] = field(default_factory=dict)
    unary_failures: list[Refusal] = field(default_factory=list)
    requests: list[Message] = field(default_factory=list)
    watches: list[WatchScript] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def StreamSearch(  # noqa: N802
        self,
        request: search_pb2.StreamSearchRequest,
        context: grpc.aio.ServicerContext[search_pb2.StreamSearchRequest, search_pb2.StreamSearchResponse],
    ) -> AsyncIterator[search_pb2.StreamSearchResponse]:
        self.requests.append(request)
        # A call that is cancelled while it writes does not tell its generator.
        context.add_done_callback(lambda _: self.ended.set())  # type: ignore[arg-type]  # any callable does
        for place, event in enumerate(self.events):
            if place in self.gates:
                await self.gates[place].wait()
            yield event
        if self.holds:
            await asyncio.Event().wait()
        if self.refusal is not None:
            await self.refusal.abort(context)

    async def Search(  # noqa: N802
        self,
        request: search_pb2.SearchRequest,
        context: grpc.aio.ServicerContext[search_pb2.SearchRequest, search_pb2.SearchResponse],
    ) -> search_pb2.SearchResponse:
        self.requests.append(request)
        if self.unary_failures:
            await self.unary_failures.pop(0).abort(context)
        return self.pages[request.page_token]

    async def Watch(  # noqa: N802
        self,
        request: search_pb2.WatchRequest,
        context: grpc.aio.ServicerContext[search_pb2.WatchRequest, search_pb2.WatchResponse],
    ) -> AsyncIterator[search_pb2.WatchResponse]:
        self.requests.append(request)
        context.add_done_callback(lambda _: self.ended.set())  # type: ignore[arg-type]  # any callable does
        script = self.watches.pop(0)
        for event in script.events:
            yield event
        if script.refusal is None:
            await asyncio.Event().wait()
        else:
            await script.refusal.abort(context)


@dataclass
class ScriptedArticles(article_pb2_grpc.ArticleServiceServicer):
    """Keeps `articles`; the n-th ingest stream runs by the n-th of `streams`.

    `received` has the sequence numbers of each ingest stream, in their order.
    """

    articles: dict[str, article_pb2.Article] = field(default_factory=dict)
    missing: Refusal = field(default_factory=lambda: Refusal(grpc.StatusCode.NOT_FOUND, "no such article"))
    streams: list[IngestStream] = field(default_factory=list)
    received: list[list[int]] = field(default_factory=list)
    sent: list[article_pb2.Article] = field(default_factory=list)

    async def GetArticle(  # noqa: N802
        self,
        request: article_pb2.GetArticleRequest,
        context: grpc.aio.ServicerContext[article_pb2.GetArticleRequest, article_pb2.GetArticleResponse],
    ) -> article_pb2.GetArticleResponse:
        if request.id not in self.articles:
            await self.missing.abort(context)
        return article_pb2.GetArticleResponse(article=self.articles[request.id])

    async def DeleteArticle(  # noqa: N802
        self,
        request: article_pb2.DeleteArticleRequest,
        context: grpc.aio.ServicerContext[
            article_pb2.DeleteArticleRequest, article_pb2.DeleteArticleResponse
        ],
    ) -> article_pb2.DeleteArticleResponse:
        deleted = self.articles.pop(request.id, None) is not None
        if not deleted and not request.allow_missing:
            await self.missing.abort(context)
        return article_pb2.DeleteArticleResponse(deleted=deleted)

    async def StreamIngest(  # noqa: N802
        self,
        request_iterator: AsyncIterator[article_pb2.StreamIngestRequest],
        context: grpc.aio.ServicerContext[article_pb2.StreamIngestRequest, article_pb2.StreamIngestResponse],
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        stream = self.streams[len(self.received)]
        numbers: list[int] = []
        self.received.append(numbers)

        async def recorded() -> AsyncIterator[article_pb2.StreamIngestRequest]:
            async for request in request_iterator:
                numbers.append(request.sequence)
                self.sent.append(request.upsert)
                yield request

        async for response in stream(recorded(), context):
            yield response


def flow(window: int) -> article_pb2.StreamIngestResponse:
    return article_pb2.StreamIngestResponse(flow=article_pb2.IngestFlow(window=window))


def acknowledgement(
    sequence: int,
    outcome: article_pb2.IngestAcknowledgement.Outcome.ValueType = article_pb2.IngestAcknowledgement.CREATED,
    **fields: Any,
) -> article_pb2.StreamIngestResponse:
    return article_pb2.StreamIngestResponse(
        acknowledgement=article_pb2.IngestAcknowledgement(sequence=sequence, outcome=outcome, **fields)
    )


def acknowledging(*, window: int = 8, breaks_after: int | None = None) -> IngestStream:
    """A stream that acknowledges each article; one that breaks does so instead of the next acknowledgement."""

    async def stream(
        requests: AsyncIterator[article_pb2.StreamIngestRequest],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        yield flow(window)
        acknowledged = 0
        async for request in requests:
            if acknowledged == breaks_after:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the server goes away")
            acknowledged += 1
            yield acknowledgement(request.sequence, id=request.upsert.id)
        yield article_pb2.StreamIngestResponse(completed=article_pb2.IngestCompleted(created=acknowledged))

    return stream


def search_events(
    *hits: events_pb2.Hit, query: str = "storms", summaries: Sequence[str] = ()
) -> list[search_pb2.StreamSearchResponse]:
    """A search from beginning to end, ranked in the reverse of the order in which the hits were found."""
    texts = summaries or [f"Summary of {hit.article.headline}" for hit in hits]
    reverse = list(reversed(hits))
    ranked = [events_pb2.RankedHit(hit_id=hit.hit_id, rank=rank) for rank, hit in enumerate(reverse, start=1)]
    return numbered(
        [
            search_pb2.StreamSearchResponse(started=events_pb2.Started(plan=events_pb2.Plan(query=query))),
            search_pb2.StreamSearchResponse(hits=events_pb2.Hits(hits=hits, total=len(hits))),
            *(
                search_pb2.StreamSearchResponse(
                    summary=events_pb2.Summary(
                        hit_id=hit.hit_id, text=text, origin=events_pb2.Summary.EXTRACTED
                    )
                )
                for hit, text in zip(hits, texts, strict=True)
            ),
            search_pb2.StreamSearchResponse(ranking=events_pb2.Ranking(order=ranked, final=True)),
            search_pb2.StreamSearchResponse(completed=events_pb2.Completed(hit_count=len(hits))),
        ]
    )


def numbered(events: list[search_pb2.StreamSearchResponse]) -> list[search_pb2.StreamSearchResponse]:
    """The events, with the sequence numbers of a stream."""
    for sequence, event in enumerate(events, start=1):
        event.sequence = sequence
    return events


def hit(hit_id: str, headline: str, **article: Any) -> events_pb2.Hit:
    return events_pb2.Hit(hit_id=hit_id, article=events_pb2.ArticleView(headline=headline, **article))


def watch_events(
    *hits: events_pb2.Hit, query: str = "storms", first: int = 1
) -> list[search_pb2.WatchResponse]:
    """A watch that shows hits one by one, each with a summary; the tokens are numbers, from `first` on."""
    events = [search_pb2.WatchResponse(started=events_pb2.Started(plan=events_pb2.Plan(query=query)))]
    for each in hits:
        summary = events_pb2.Summary(hit_id=each.hit_id, text=f"Summary of {each.article.headline}")
        events += [
            search_pb2.WatchResponse(hits=events_pb2.Hits(hits=[each])),
            search_pb2.WatchResponse(summary=summary),
        ]
    for sequence, event in enumerate(events, start=1):
        event.sequence = sequence
        event.resume_token = str(first + sequence - 1)
    return events
