"""The call behind `GistwireClient.recommend`."""

from collections.abc import AsyncGenerator

import grpc
from gistwire.v1 import recommendation_pb2, recommendation_pb2_grpc

from gistwire_client.errors import CallFailedError, error_of


async def stream_recommend(
    channel: grpc.aio.Channel,
    request: recommendation_pb2.StreamRecommendRequest,
    *,
    timeout_s: float | None,
) -> AsyncGenerator[recommendation_pb2.StreamRecommendResponse, None]:
    """As `GistwireClient.recommend`."""
    call = recommendation_pb2_grpc.RecommendationServiceStub(channel).StreamRecommend(
        request, timeout=timeout_s
    )
    completed = False
    try:
        async for event in call:
            completed = event.HasField("completed")
            yield event
    except grpc.aio.AioRpcError as error:
        raise error_of(error) from error
    finally:
        call.cancel()
    if not completed:
        raise CallFailedError("the stream ended before the recommendation was completed")
