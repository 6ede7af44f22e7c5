"""The services of the contract that this version does not fill: each call answers UNIMPLEMENTED, with the reason."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from gistwire.v1 import (
    recommendation_pb2,
    recommendation_pb2_grpc,
    summary_pb2,
    summary_pb2_grpc,
    topic_pb2,
    topic_pb2_grpc,
    user_event_pb2,
    user_event_pb2_grpc,
)
from google.protobuf.message import Message

from gistwire_server.errors import UnsupportedError, reporting_errors

_Context = grpc.aio.ServicerContext[Any, Any]


async def _refuse(context: _Context, rpc: str) -> None:
    async with reporting_errors(context):
        raise UnsupportedError(f"{rpc} is not part of this version")


async def refuse_stream(context: _Context, rpc: str, response: type[Message]) -> AsyncIterator[Any]:
    """Answers a streaming call with UNIMPLEMENTED."""
    await _refuse(context, rpc)
    yield response()


class SummaryService(summary_pb2_grpc.SummaryServiceServicer):
    """Comes with a later version."""

    async def StreamSummarize(  # noqa: N802 (the contract's name)
        self, request: summary_pb2.StreamSummarizeRequest, context: _Context
    ) -> AsyncIterator[summary_pb2.StreamSummarizeResponse]:
        """Refuses."""
        async for response in refuse_stream(context, "StreamSummarize", summary_pb2.StreamSummarizeResponse):
            yield response

    async def StreamDigest(  # noqa: N802
        self, request: summary_pb2.StreamDigestRequest, context: _Context
    ) -> AsyncIterator[summary_pb2.StreamDigestResponse]:
        """Refuses."""
        async for response in refuse_stream(context, "StreamDigest", summary_pb2.StreamDigestResponse):
            yield response


class RecommendationService(recommendation_pb2_grpc.RecommendationServiceServicer):
    """Comes with a later version."""

    async def StreamRecommend(  # noqa: N802
        self, request: recommendation_pb2.StreamRecommendRequest, context: _Context
    ) -> AsyncIterator[recommendation_pb2.StreamRecommendResponse]:
        """Refuses."""
        async for response in refuse_stream(
            context, "StreamRecommend", recommendation_pb2.StreamRecommendResponse
        ):
            yield response


class TopicService(topic_pb2_grpc.TopicServiceServicer):
    """Comes with a later version."""

    async def StreamTopics(  # noqa: N802
        self, request: topic_pb2.StreamTopicsRequest, context: _Context
    ) -> AsyncIterator[topic_pb2.StreamTopicsResponse]:
        """Refuses."""
        async for response in refuse_stream(context, "StreamTopics", topic_pb2.StreamTopicsResponse):
            yield response


class UserEventService(user_event_pb2_grpc.UserEventServiceServicer):
    """Comes with a later version."""

    async def WriteUserEvents(  # noqa: N802
        self, request: user_event_pb2.WriteUserEventsRequest, context: _Context
    ) -> user_event_pb2.WriteUserEventsResponse:
        """Refuses."""
        await _refuse(context, "WriteUserEvents")
        return user_event_pb2.WriteUserEventsResponse()

    async def GetUserProfile(  # noqa: N802
        self, request: user_event_pb2.GetUserProfileRequest, context: _Context
    ) -> user_event_pb2.GetUserProfileResponse:
        """Refuses."""
        await _refuse(context, "GetUserProfile")
        return user_event_pb2.GetUserProfileResponse()

    async def PurgeUser(  # noqa: N802
        self, request: user_event_pb2.PurgeUserRequest, context: _Context
    ) -> user_event_pb2.PurgeUserResponse:
        """Refuses."""
        await _refuse(context, "PurgeUser")
        return user_event_pb2.PurgeUserResponse()
