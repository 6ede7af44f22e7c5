"""A UserEventService that answers as a test tells it: see the `server` fixture."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from gistwire.v1 import user_event_pb2, user_event_pb2_grpc
from google.protobuf.message import Message

from tests.client.scripted_server import Refusal

_Context = grpc.aio.ServicerContext[Any, Any]
_Response = TypeVar("_Response")


@dataclass
class ScriptedUsers(user_event_pb2_grpc.UserEventServiceServicer):
    """Answers every call with the field of its kind, but first with each of `failures`."""

    written: user_event_pb2.WriteUserEventsResponse = field(
        default_factory=user_event_pb2.WriteUserEventsResponse
    )
    profile: user_event_pb2.UserProfile = field(default_factory=user_event_pb2.UserProfile)
    erased: int = 0
    failures: list[Refusal] = field(default_factory=list)
    requests: list[Message] = field(default_factory=list)

    async def WriteUserEvents(  # noqa: N802
        self, request: user_event_pb2.WriteUserEventsRequest, context: _Context
    ) -> user_event_pb2.WriteUserEventsResponse:
        return await self._answer(request, context, self.written)

    async def GetUserProfile(  # noqa: N802
        self, request: user_event_pb2.GetUserProfileRequest, context: _Context
    ) -> user_event_pb2.GetUserProfileResponse:
        response = user_event_pb2.GetUserProfileResponse(profile=self.profile)
        return await self._answer(request, context, response)

    async def UpdateUserProfile(  # noqa: N802
        self, request: user_event_pb2.UpdateUserProfileRequest, context: _Context
    ) -> user_event_pb2.UpdateUserProfileResponse:
        response = user_event_pb2.UpdateUserProfileResponse(profile=self.profile)
        return await self._answer(request, context, response)

    async def PurgeUser(  # noqa: N802
        self, request: user_event_pb2.PurgeUserRequest, context: _Context
    ) -> user_event_pb2.PurgeUserResponse:
        response = user_event_pb2.PurgeUserResponse(erased_event_count=self.erased)
        return await self._answer(request, context, response)

    async def _answer(self, request: Message, context: _Context, response: _Response) -> _Response:
        self.requests.append(request)
        if self.failures:
            await self.failures.pop(0).abort(context)
        return response
