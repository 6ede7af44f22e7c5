"""The call behind `GistwireClient.topics`."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

import grpc
from gistwire.v1 import topic_pb2, topic_pb2_grpc

from gistwire_client.errors import CallFailedError
from gistwire_client.event_stream import events_of


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


def stream_topics(
    channel: grpc.aio.Channel, request: topic_pb2.StreamTopicsRequest, *, timeout_s: float | None
) -> AsyncGenerator[topic_pb2.StreamTopicsResponse, None]:
    """As `GistwireClient.topics`."""
    return events_of(
        lambda: topic_pb2_grpc.TopicServiceStub(channel).StreamTopics(request, timeout=timeout_s),
        incomplete=CallFailedError("the stream ended before all topics were there"),
    )
