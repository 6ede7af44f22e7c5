"""The call behind `GistwireClient.recommend`."""

from collections.abc import AsyncGenerator

import grpc
from gistwire.v1 import recommendation_pb2, recommendation_pb2_grpc

from gistwire_client.errors import CallFailedError
from gistwire_client.event_stream import events_of


def stream_recommend(
    channel: grpc.aio.Channel,
    request: recommendation_pb2.StreamRecommendRequest,
    *,
    timeout_s: float | None,
) -> AsyncGenerator[recommendation_pb2.StreamRecommendResponse, None]:
    """As `GistwireClient.recommend`."""
    return events_of(
        lambda: recommendation_pb2_grpc.RecommendationServiceStub(channel).StreamRecommend(
            request, timeout=timeout_s
        ),
        incomplete=CallFailedError("the stream ended before the recommendation was completed"),
    )
