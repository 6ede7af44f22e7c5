"""UserEventService: takes events, gives and erases profiles."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
from gistwire.v1 import user_event_pb2, user_event_pb2_grpc

from gistwire_server.calls import Calls
from gistwire_server.config import ServerConfig
from gistwire_server.engines import Engines
from gistwire_server.errors import UserNotFoundError, status_of
from gistwire_server.overload.deadlines import call_timeout
from gistwire_server.overload.places import Places
from gistwire_server.personal.profile_messages import profile_message
from gistwire_server.personal.profiles import forget_user, read_profile
from gistwire_server.user_event_validation import check_user_id, read_events, read_tags

# Each writes files anew, or keeps a cluster merging.
_PURGES_AT_ONCE = 4
_WAITING_PURGES = 64
_PURGE_RETRY_S = 30.0

# Elasticsearch takes half a minute to write files anew, and longer where they are large.
_PURGE_DEADLINE_S = 180.0


class UserEventService(user_event_pb2_grpc.UserEventServiceServicer):
    """Takes events, gives and erases profiles. Nothing that tells of a user is logged."""

    def __init__(self, calls: Calls, config: ServerConfig) -> None:
        limits = config.limits
        self._calls = calls
        self._limits = limits
        self._places = Places(
            "user event", at_work=limits.concurrent_searches, waiting=limits.waiting_searches
        )
        self._purge_places = Places(
            "purge", at_work=_PURGES_AT_ONCE, waiting=_WAITING_PURGES, retry_after_s=_PURGE_RETRY_S
        )

    async def WriteUserEvents(  # noqa: N802 (the contract's name)
        self,
        request: user_event_pb2.WriteUserEventsRequest,
        context: grpc.aio.ServicerContext[
            user_event_pb2.WriteUserEventsRequest, user_event_pb2.WriteUserEventsResponse
        ],
    ) -> user_event_pb2.WriteUserEventsResponse:
        """Writes the events that are good, and says why the others are refused."""
        async with self._calls.handle(context, "WriteUserEvents") as call, self._timeout(context):
            engines = await self._calls.engines(call)
            async with self._places.admit():
                events, refused = read_events(request.events, engines.signer, datetime.now(UTC))
                are_new = await engines.user_events.write(events)
            return user_event_pb2.WriteUserEventsResponse(
                written_count=sum(are_new),
                repeated_count=len(are_new) - sum(are_new),
                refused=[
                    user_event_pb2.RefusedUserEvent(event_id=each.event_id, status=status_of(each.error))
                    for each in refused
                ],
            )

    async def GetUserProfile(  # noqa: N802
        self,
        request: user_event_pb2.GetUserProfileRequest,
        context: grpc.aio.ServicerContext[
            user_event_pb2.GetUserProfileRequest, user_event_pb2.GetUserProfileResponse
        ],
    ) -> user_event_pb2.GetUserProfileResponse:
        """Returns what is known of a user."""
        async with self._calls.handle(context, "GetUserProfile") as call, self._timeout(context):
            check_user_id(request.user_id)
            engines = await self._calls.engines(call)
            async with self._places.admit():
                profile = await read_profile(engines, request.user_id)
            return user_event_pb2.GetUserProfileResponse(profile=profile_message(profile))

    async def UpdateUserProfile(  # noqa: N802
        self,
        request: user_event_pb2.UpdateUserProfileRequest,
        context: grpc.aio.ServicerContext[
            user_event_pb2.UpdateUserProfileRequest, user_event_pb2.UpdateUserProfileResponse
        ],
    ) -> user_event_pb2.UpdateUserProfileResponse:
        """Replaces the interests that a user states in words."""
        async with self._calls.handle(context, "UpdateUserProfile") as call, self._timeout(context):
            check_user_id(request.user_id)
            tags = read_tags(request.tags)
            engines = await self._calls.engines(call)
            async with self._places.admit():
                await engines.user_events.set_tags(request.user_id, tags)
                profile = await _present_profile(engines, request.user_id)
            return user_event_pb2.UpdateUserProfileResponse(profile=profile)

    async def PurgeUser(  # noqa: N802
        self,
        request: user_event_pb2.PurgeUserRequest,
        context: grpc.aio.ServicerContext[user_event_pb2.PurgeUserRequest, user_event_pb2.PurgeUserResponse],
    ) -> user_event_pb2.PurgeUserResponse:
        """Erases a user."""
        timeout = call_timeout(context, default_s=_PURGE_DEADLINE_S, max_s=_PURGE_DEADLINE_S)
        async with self._calls.handle(context, "PurgeUser") as call, timeout:
            check_user_id(request.user_id)
            engines = await self._calls.engines(call)
            async with self._purge_places.admit():
                try:
                    erased = await engines.user_events.purge(request.user_id)
                finally:
                    # Last: what is derived meanwhile may still come from what is being erased.
                    forget_user(engines, request.user_id)
            return user_event_pb2.PurgeUserResponse(erased_event_count=erased)

    def _timeout(self, context: grpc.aio.ServicerContext[Any, Any]) -> asyncio.Timeout:
        return call_timeout(
            context, default_s=self._limits.default_deadline_s, max_s=self._limits.max_deadline_s
        )


async def _present_profile(engines: Engines, user_id: str) -> user_event_pb2.UserProfile:
    """The profile of a user; that of one who is not known is empty."""
    try:
        return profile_message(await read_profile(engines, user_id))
    except UserNotFoundError:
        return user_event_pb2.UserProfile(user_id=user_id)
