"""Tests of the calls about users, async and sync, over real gRPC to a scripted server."""

import asyncio

import grpc
import pytest
from gistwire.v1 import user_event_pb2
from gistwire_client import GistwireClient, RequestRefusedError, SyncGistwireClient, UnreachableError

from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import Refusal

EVENT = user_event_pb2.UserEvent(
    event_id="e", user_id="ada", article_id="a", kind=user_event_pb2.UserEvent.LIKE
)
WRITTEN = user_event_pb2.WriteUserEventsResponse(written_count=1, repeated_count=2)
PROFILE = user_event_pb2.UserProfile(user_id="ada", tags=["chess"], event_count=3)
REQUESTS = [
    user_event_pb2.WriteUserEventsRequest(events=[EVENT]),
    user_event_pb2.GetUserProfileRequest(user_id="ada"),
    user_event_pb2.UpdateUserProfileRequest(user_id="ada", tags=["chess"]),
    user_event_pb2.PurgeUserRequest(user_id="ada"),
]
UNAVAILABLE = Refusal(grpc.StatusCode.UNAVAILABLE, "comes back soon")


@pytest.fixture
def answering(server: ScriptedServer) -> ScriptedServer:
    server.users.written, server.users.profile, server.users.erased = WRITTEN, PROFILE, 4
    return server


async def test_every_call_gives_what_the_server_answers(answering: ScriptedServer) -> None:
    async with GistwireClient(answering.target) as client:
        assert await client.write_user_events([EVENT]) == WRITTEN
        assert await client.user_profile("ada") == PROFILE
        assert await client.update_user_profile("ada", ["chess"]) == PROFILE
        assert await client.purge_user("ada") == 4
    assert answering.users.requests == REQUESTS


async def test_every_call_has_a_sync_twin(answering: ScriptedServer) -> None:
    def call() -> None:
        with SyncGistwireClient(answering.target) as client:
            assert client.write_user_events([EVENT]) == WRITTEN
            assert client.user_profile("ada") == PROFILE
            assert client.update_user_profile("ada", ["chess"]) == PROFILE
            assert client.purge_user("ada") == 4

    await asyncio.to_thread(call)
    assert answering.users.requests == REQUESTS


async def test_refusals_are_raised(server: ScriptedServer) -> None:
    async with GistwireClient(server.target) as client:
        for call in (
            lambda: client.write_user_events([EVENT]),
            lambda: client.user_profile("ada"),
            lambda: client.update_user_profile("ada", []),
            lambda: client.purge_user("ada"),
        ):
            server.users.failures = [Refusal(grpc.StatusCode.INVALID_ARGUMENT, "bad")]
            with pytest.raises(RequestRefusedError, match="bad"):
                await call()


async def test_what_is_safe_to_repeat_is_tried_again(answering: ScriptedServer) -> None:
    async with GistwireClient(answering.target) as client:
        answering.users.failures = [UNAVAILABLE, UNAVAILABLE]
        assert await client.write_user_events([EVENT]) == WRITTEN
        answering.users.failures = [UNAVAILABLE]
        assert await client.update_user_profile("ada", ["chess"]) == PROFILE
        # A second answer would say that nothing was erased.
        answering.users.failures = [UNAVAILABLE]
        with pytest.raises(UnreachableError):
            await client.purge_user("ada")
