"""Tests of gistwire_client.watching, against a scripted server."""

import asyncio
from contextlib import aclosing

import grpc
import pytest
from gistwire.v1 import search_pb2
from gistwire_client import (
    CallFailedError,
    DeadlineExceededError,
    GistwireClient,
    RequestRefusedError,
    SyncGistwireClient,
    UnreachableError,
    WatchRetry,
)
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import Refusal, WatchScript, hit, watch_events

AT_ONCE = WatchRetry(max_tries=2, initial_backoff_s=0, max_backoff_s=0)
GONE = Refusal(grpc.StatusCode.UNAVAILABLE, "the server shuts down")


def tokens(server: ScriptedServer) -> list[str]:
    return [each.resume_token for each in server.search.requests if isinstance(each, search_pb2.WatchRequest)]


async def test_what_is_asked_for_reaches_the_server_and_its_events_come_back(server: ScriptedServer) -> None:
    events = watch_events(hit("h1", "Storm"))
    server.search.watches = [WatchScript(events)]
    async with GistwireClient(server.target) as client:
        watch = client.watch(
            "storms", filter="source = wire", past_hits=0, min_similarity=0.5, resume_token="t"
        )
        async with aclosing(watch) as responses:
            assert [await anext(responses) for _ in events] == events
        await server.search.ended.wait()
    assert server.search.requests == [
        search_pb2.WatchRequest(
            query="storms", filter="source = wire", past_hits=0, min_similarity=0.5, resume_token="t"
        )
    ]


async def test_defaults_are_left_to_the_server(server: ScriptedServer) -> None:
    server.search.watches = [WatchScript(watch_events())]
    async with GistwireClient(server.target) as client, aclosing(client.watch("storms")) as responses:
        await anext(responses)
    assert server.search.requests == [search_pb2.WatchRequest(query="storms")]


async def test_a_watch_that_breaks_goes_on_after_its_last_event(server: ScriptedServer) -> None:
    busy = error_details_pb2.RetryInfo(retry_delay=Duration(nanos=1_000))
    server.search.watches = [
        WatchScript(watch_events(hit("h1", "Storm")), GONE),
        WatchScript((), Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", [busy])),
        WatchScript(watch_events(hit("h2", "Flood"), first=4), GONE),
        WatchScript(watch_events(first=7)),
    ]
    async with (
        GistwireClient(server.target, watch_retry=AT_ONCE) as client,
        aclosing(client.watch("storms")) as responses,
    ):
        seen = [(await anext(responses)).WhichOneof("event") for _ in range(7)]
    assert seen == ["started", "hits", "summary", "started", "hits", "summary", "started"]
    assert tokens(server) == ["", "3", "3", "6"]


async def test_a_server_that_only_accepts_is_given_up(server: ScriptedServer) -> None:
    server.search.watches = [WatchScript(watch_events(), GONE) for _ in range(3)]
    async with GistwireClient(server.target, watch_retry=AT_ONCE) as client:
        with pytest.raises(UnreachableError):
            [event async for event in client.watch("storms")]
    assert server.search.watches == []


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (WatchScript((), GONE), UnreachableError),
        (
            WatchScript(watch_events(), Refusal(grpc.StatusCode.FAILED_PRECONDITION, "old")),
            RequestRefusedError,
        ),
        (WatchScript(watch_events(), Refusal(grpc.StatusCode.INTERNAL, "error")), CallFailedError),
    ],
)
async def test_what_a_new_try_does_not_help_is_raised(
    server: ScriptedServer, script: WatchScript, error: type[Exception]
) -> None:
    server.search.watches = [script]
    async with GistwireClient(server.target, watch_retry=AT_ONCE) as client:
        with pytest.raises(error):
            [event async for event in client.watch("storms")]


async def test_a_watch_ends_with_its_time(server: ScriptedServer) -> None:
    server.search.watches = [WatchScript(watch_events())]
    async with GistwireClient(server.target) as client:
        with pytest.raises(DeadlineExceededError):
            [event async for event in client.watch("storms", timeout_s=0.2)]


async def test_the_sync_client_watches_too(server: ScriptedServer) -> None:
    events = watch_events(hit("h1", "Storm"))
    server.search.watches = [WatchScript(events)]

    def watch() -> list[search_pb2.WatchResponse]:
        with SyncGistwireClient(server.target, watch_retry=AT_ONCE) as client:
            responses = client.watch("storms", past_hits=3)
            taken = [next(responses) for _ in events]
            responses.close()
            return taken

    assert await asyncio.to_thread(watch) == events


def test_pauses_grow_up_to_their_maximum() -> None:
    retry = WatchRetry(initial_backoff_s=1, max_backoff_s=4)
    for failures, longest_s in ((1, 1), (2, 2), (3, 4), (9, 4)):
        pauses = [retry.pause_s(failures) for _ in range(50)]
        assert all(0 <= pause <= longest_s for pause in pauses)
        assert max(pauses) > longest_s / 4
