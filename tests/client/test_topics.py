"""Tests of `GistwireClient.topics` and its synchronous form."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import topic_pb2_grpc
from gistwire_client.client import GistwireClient
from gistwire_client.errors import CallFailedError, RequestRefusedError
from gistwire_client.sync_client import SyncGistwireClient

from tests.client.scripted_server import Refusal
from tests.client.scripted_topics import ScriptedTopics, topic_stream


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[tuple[str, ScriptedTopics]]:
    service, target = ScriptedTopics(topic_stream()), f"unix:{tmp_path / 'topics'}"
    server = grpc.aio.server()
    topic_pb2_grpc.add_TopicServiceServicer_to_server(service, server)
    server.add_insecure_port(target)
    await server.start()
    yield target, service
    await server.stop(None)


async def test_events_come_as_they_are_sent(scripted: tuple[str, ScriptedTopics]) -> None:
    target, service = scripted
    until = datetime(2026, 11, 10, 12, tzinfo=UTC)
    async with GistwireClient(target) as client:
        responses = client.topics(
            window=timedelta(hours=48), until=until, filter="source = Wire", max_topics=2, digests=False
        )
        events = [event async for event in responses]
    assert events == topic_stream()
    (request,) = service.requests
    assert request.window.ToTimedelta() == timedelta(hours=48)
    assert request.until.ToDatetime(UTC) == until
    assert (request.filter, request.max_topics, request.digests) == ("source = Wire", 2, False)


async def test_what_is_not_said_is_left_to_the_server(scripted: tuple[str, ScriptedTopics]) -> None:
    target, service = scripted
    async with GistwireClient(target) as client:
        assert [event async for event in client.topics()]
    (request,) = service.requests
    assert not request.HasField("window")
    assert not request.HasField("until")


async def test_a_stream_without_an_end_has_failed(scripted: tuple[str, ScriptedTopics]) -> None:
    target, service = scripted
    service.events = topic_stream()[:-1]
    async with GistwireClient(target) as client:
        with pytest.raises(CallFailedError):
            assert [event async for event in client.topics()]


async def test_a_refusal_is_an_error_of_its_own(scripted: tuple[str, ScriptedTopics]) -> None:
    target, service = scripted
    service.events, service.refusal = (), Refusal(grpc.StatusCode.INVALID_ARGUMENT, "window is short")
    async with GistwireClient(target) as client:
        with pytest.raises(RequestRefusedError):
            assert [event async for event in client.topics()]


async def test_the_end_of_a_window_needs_a_time_zone() -> None:
    async with GistwireClient("unix:nowhere") as client:
        with pytest.raises(ValueError, match="time zone"):
            client.topics(until=datetime(2026, 11, 10))


async def test_programs_without_a_loop_have_it_too(scripted: tuple[str, ScriptedTopics]) -> None:
    target, _ = scripted

    def read() -> list[str | None]:
        with SyncGistwireClient(target) as client:
            return [event.WhichOneof("event") for event in client.topics(digests=False)]

    assert (await asyncio.to_thread(read))[-1] == "completed"
