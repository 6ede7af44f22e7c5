"""The call behind `GistwireClient.topics`."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

import grpc
from gistwire.v1 import topic_pb2, topic_pb2_grpc

from gistwire_client.errors import CallFailedError, error_of


def topics_request(
    *, window: timedelta | None, until: datetime | None, filter_: str, max_topics: int, digests: bool
) -> topic_pb2.StreamTopicsRequest:
    """The request of a StreamTopics.

    Raises:
        ValueError: `until` has no time zone.
    """
    request = topic_pb2.StreamTopicsRequest(filter=filter_, max_topics=max_topics, digests=digests)
    if window is not None:
        request.window.FromTimedelta(window)
    if until is not None:
        if until.tzinfo is None:
            raise ValueError("the end of a window needs a time zone")
        request.until.FromDatetime(until)
    return request


async def stream_topics(
    channel: grpc.aio.Channel, request: topic_pb2.StreamTopicsRequest, *, timeout_s: float | None
) -> AsyncGenerator[topic_pb2.StreamTopicsResponse, None]:
    """As `GistwireClient.topics`."""
    call = topic_pb2_grpc.TopicServiceStub(channel).StreamTopics(request, timeout=timeout_s)
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
        raise CallFailedError("the stream ended before all topics were there")
