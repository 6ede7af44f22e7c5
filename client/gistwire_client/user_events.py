"""Calls of UserEventService, by a channel; `GistwireClient` has them as methods."""

from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

import grpc
from gistwire.v1 import user_event_pb2, user_event_pb2_grpc

from gistwire_client.errors import error_of

MAX_EVENTS: Final = 1_000
"""Most events that a call takes."""

PURGE_TIMEOUT_S: Final = 180.0
"""Default time for erasing a user, in seconds: files are written anew, which takes half a minute on Elasticsearch."""

_Response = TypeVar("_Response")


async def write_user_events(
    channel: grpc.aio.Channel, events: Sequence[user_event_pb2.UserEvent], *, timeout_s: float | None
) -> user_event_pb2.WriteUserEventsResponse:
    """As `GistwireClient.write_user_events`."""
    request = user_event_pb2.WriteUserEventsRequest(events=events)
    return await _answer(_stub(channel).WriteUserEvents(request, timeout=timeout_s))


async def user_profile(
    channel: grpc.aio.Channel, user_id: str, *, timeout_s: float | None
) -> user_event_pb2.UserProfile:
    """As `GistwireClient.user_profile`."""
    request = user_event_pb2.GetUserProfileRequest(user_id=user_id)
    return (await _answer(_stub(channel).GetUserProfile(request, timeout=timeout_s))).profile


async def update_user_profile(
    channel: grpc.aio.Channel, user_id: str, tags: Sequence[str], *, timeout_s: float | None
) -> user_event_pb2.UserProfile:
    """As `GistwireClient.update_user_profile`."""
    request = user_event_pb2.UpdateUserProfileRequest(user_id=user_id, tags=tags)
    return (await _answer(_stub(channel).UpdateUserProfile(request, timeout=timeout_s))).profile


async def purge_user(channel: grpc.aio.Channel, user_id: str, *, timeout_s: float | None) -> int:
    """As `GistwireClient.purge_user`."""
    request = user_event_pb2.PurgeUserRequest(user_id=user_id)
    return (await _answer(_stub(channel).PurgeUser(request, timeout=timeout_s))).erased_event_count


def _stub(channel: grpc.aio.Channel) -> "user_event_pb2_grpc.UserEventServiceAsyncStub":
    return user_event_pb2_grpc.UserEventServiceStub(channel)


async def _answer(call: Awaitable[_Response]) -> _Response:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise error_of(error) from error
