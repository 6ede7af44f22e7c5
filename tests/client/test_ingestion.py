"""Tests of gistwire_client.ingestion, by `GistwireClient.ingest` over real gRPC to a scripted server."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from gistwire.v1 import article_pb2
from gistwire.v1.article_pb2 import IngestAcknowledgement, IngestCompleted
from gistwire_client import (
    CallFailedError,
    GistwireClient,
    IngestRetry,
    RequestRefusedError,
    UnreachableError,
)

from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import IngestStream, Refusal, acknowledgement, acknowledging, flow

AT_ONCE = IngestRetry(max_tries=2, initial_backoff_s=0, max_backoff_s=0)


def articles(count: int) -> list[article_pb2.Article]:
    return [article_pb2.Article(id=f"a{number}", headline=f"News {number}") for number in range(1, count + 1)]


def numbers(events: list[IngestAcknowledgement | IngestCompleted]) -> list[int]:
    return [event.sequence for event in events if isinstance(event, IngestAcknowledgement)]


def ending(code: grpc.StatusCode) -> IngestStream:
    async def stream(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        # Without a window the client writes nothing, and a failed write hides the status that ended the call.
        await Refusal(code, "no more").abort(context)
        yield flow(4)

    return stream


async def test_each_article_is_acknowledged_and_the_totals_come_last(server: ScriptedServer) -> None:
    server.articles.streams = [acknowledging(window=3)]
    async with GistwireClient(server.target) as client:
        events = [event async for event in client.ingest(articles(10))]
    assert numbers(events) == list(range(1, 11))
    assert events[-1] == IngestCompleted(created=10)
    assert server.articles.sent == articles(10)


async def test_an_async_iterable_is_sent_likewise(server: ScriptedServer) -> None:
    async def read() -> AsyncIterator[article_pb2.Article]:
        for article in articles(3):
            yield article

    server.articles.streams = [acknowledging()]
    async with GistwireClient(server.target) as client:
        events = [event async for event in client.ingest(read())]
    assert events[-1] == IngestCompleted(created=3)
    assert server.articles.sent == articles(3)


async def test_nothing_to_send_completes_with_nothing(server: ScriptedServer) -> None:
    server.articles.streams = [acknowledging()]
    async with GistwireClient(server.target) as client:
        assert [event async for event in client.ingest([])] == [IngestCompleted()]


async def test_totals_count_outcomes(server: ScriptedServer) -> None:
    outcomes = [
        (IngestAcknowledgement.CREATED, "a0"),
        (IngestAcknowledgement.CREATED, ""),
        (IngestAcknowledgement.UPDATED, "a0"),
        (IngestAcknowledgement.UNCHANGED, "a0"),
        (IngestAcknowledgement.REJECTED, ""),
    ]

    async def stream(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        yield flow(8)
        async for request in requests:
            outcome, duplicate_of = outcomes[request.sequence - 1]
            yield acknowledgement(request.sequence, outcome, duplicate_of=duplicate_of)
        yield article_pb2.StreamIngestResponse(completed=IngestCompleted())

    server.articles.streams = [stream]
    async with GistwireClient(server.target) as client:
        events = [event async for event in client.ingest(articles(len(outcomes)))]
    # An article that is not written again adds no near-duplicate.
    assert events[-1] == IngestCompleted(created=2, updated=1, unchanged=1, rejected=1, near_duplicates=2)


@pytest.mark.parametrize("window", [1, 3, 7])
async def test_no_more_than_the_window_is_unacknowledged(server: ScriptedServer, window: int) -> None:
    most_unacknowledged = 0

    async def stream(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        received: asyncio.Queue[int] = asyncio.Queue()

        async def receive() -> None:
            async for request in requests:
                received.put_nowait(request.sequence)

        receiving = asyncio.create_task(receive())
        yield flow(window)
        for _ in range(4):
            batch = [await received.get() for _ in range(window)]
            # What is sent beyond the window, on the same connection, arrives no later than these.
            for _ in range(5):
                await client.health()
            nonlocal most_unacknowledged
            most_unacknowledged = max(most_unacknowledged, len(batch) + received.qsize())
            for sequence in batch:
                yield acknowledgement(sequence)
        await receiving
        yield article_pb2.StreamIngestResponse(completed=IngestCompleted())

    server.articles.streams = [stream]
    async with GistwireClient(server.target) as client:
        events = [event async for event in client.ingest(articles(4 * window))]
    assert events[-1] == IngestCompleted(created=4 * window)
    assert most_unacknowledged == window


async def test_a_window_that_grows_is_used(server: ScriptedServer) -> None:
    async def stream(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        yield flow(1)
        first = await anext(requests)
        yield flow(3)
        # Nothing was acknowledged so far.
        others = [await anext(requests), await anext(requests)]
        for request in (first, *others):
            yield acknowledgement(request.sequence)
        async for _ in requests:
            pass
        yield article_pb2.StreamIngestResponse(completed=IngestCompleted())

    server.articles.streams = [stream]
    async with GistwireClient(server.target) as client:
        assert [event async for event in client.ingest(articles(3))][-1] == IngestCompleted(created=3)


async def test_a_broken_stream_is_resumed_with_what_was_not_acknowledged(server: ScriptedServer) -> None:
    server.articles.streams = [
        acknowledging(window=4, breaks_after=5),
        acknowledging(window=4, breaks_after=0),
        acknowledging(window=4),
    ]
    async with GistwireClient(server.target, ingest_retry=AT_ONCE) as client:
        events = [event async for event in client.ingest(articles(12))]
    assert Counter(numbers(events)) == Counter(range(1, 13))
    assert events[-1] == IngestCompleted(created=12)
    # The first five were acknowledged, whatever of the others had been sent.
    assert len(server.articles.received) == 3
    assert server.articles.received[2] == list(range(6, 13))
    assert server.articles.sent[-7:] == articles(12)[5:]


async def test_options_go_with_the_first_message_of_each_stream(server: ScriptedServer) -> None:
    carried: list[list[bool]] = []

    def recording(stream: IngestStream) -> IngestStream:
        async def record(
            requests: AsyncIterator[article_pb2.StreamIngestRequest],
            context: grpc.aio.ServicerContext[Any, Any],
        ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
            kinds: list[bool] = []
            carried.append(kinds)

            async def noted() -> AsyncIterator[article_pb2.StreamIngestRequest]:
                async for request in requests:
                    kinds.append(request.options.visibility == article_pb2.IngestOptions.EVENTUAL)
                    yield request

            async for response in stream(noted(), context):
                yield response

        return record

    streams = [acknowledging(window=1, breaks_after=2), acknowledging(window=1)]
    server.articles.streams = [recording(stream) for stream in streams]
    options = article_pb2.IngestOptions(visibility=article_pb2.IngestOptions.EVENTUAL)
    async with GistwireClient(server.target, ingest_retry=AT_ONCE) as client:
        _ = [event async for event in client.ingest(articles(4), options=options)]
    assert carried == [[True, False, False], [True, False]]


async def test_tries_in_a_row_are_bounded(server: ScriptedServer) -> None:
    server.articles.streams = [ending(grpc.StatusCode.UNAVAILABLE)] * 9
    async with GistwireClient(server.target, ingest_retry=AT_ONCE) as client:
        with pytest.raises(UnreachableError, match="no more"):
            _ = [event async for event in client.ingest(articles(2))]
    assert len(server.articles.received) == 1 + AT_ONCE.max_tries


async def test_progress_gives_new_tries(server: ScriptedServer) -> None:
    server.articles.streams = [acknowledging(window=1, breaks_after=1)] * 6 + [acknowledging()]
    async with GistwireClient(server.target, ingest_retry=AT_ONCE) as client:
        events = [event async for event in client.ingest(articles(6))]
    assert numbers(events) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, RequestRefusedError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, RequestRefusedError),
        (grpc.StatusCode.DATA_LOSS, CallFailedError),
        (grpc.StatusCode.INTERNAL, CallFailedError),
    ],
)
async def test_other_errors_are_not_tried_again(
    server: ScriptedServer, code: grpc.StatusCode, kind: type[Exception]
) -> None:
    server.articles.streams = [ending(code)]
    async with GistwireClient(server.target, ingest_retry=AT_ONCE) as client:
        with pytest.raises(kind, match="no more"):
            _ = [event async for event in client.ingest(articles(2))]
    assert len(server.articles.received) == 1


async def test_a_server_that_ends_early_has_not_completed(server: ScriptedServer) -> None:
    async def stream(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        yield flow(4)
        yield acknowledgement((await anext(requests)).sequence)
        async for _ in requests:
            pass

    server.articles.streams = [stream]
    async with GistwireClient(server.target, ingest_retry=AT_ONCE) as client:
        with pytest.raises(CallFailedError, match="before everything was acknowledged"):
            _ = [event async for event in client.ingest(articles(2))]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_the_articles_raise_reaches_the_caller(
    server: ScriptedServer, *, asynchronous: bool
) -> None:
    def read() -> Iterator[article_pb2.Article]:
        yield from articles(1)
        raise OSError("the disk is gone")

    async def read_async() -> AsyncIterator[article_pb2.Article]:
        for article in read():
            yield article

    server.articles.streams = [acknowledging()]
    async with GistwireClient(server.target) as client:
        with pytest.raises(OSError, match="the disk is gone"):
            _ = [event async for event in client.ingest(read_async() if asynchronous else read())]


async def test_leaving_the_generator_ends_call_and_source(server: ScriptedServer) -> None:
    source_closed = asyncio.Event()
    call_ended = asyncio.Event()

    async def endless() -> AsyncIterator[article_pb2.Article]:
        try:
            while True:
                yield article_pb2.Article(headline="News")
        finally:
            source_closed.set()

    async def stream(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        context.add_done_callback(lambda _: call_ended.set())  # type: ignore[arg-type]  # any callable does
        yield flow(4)
        async for request in requests:
            yield acknowledgement(request.sequence)

    server.articles.streams = [stream]
    async with GistwireClient(server.target) as client:
        async with aclosing(client.ingest(endless())) as events:
            await anext(events)
        assert source_closed.is_set()
        await call_ended.wait()


def test_pauses_grow_to_a_limit() -> None:
    retry = IngestRetry(max_tries=9, initial_backoff_s=1, max_backoff_s=4)
    for failures, longest_s in [(1, 1), (2, 2), (3, 4), (4, 4), (9, 4)]:
        assert all(0 <= retry.pause_s(failures) <= longest_s for _ in range(50))
