"""Tests of TopicService over gRPC."""

from datetime import timedelta

import grpc
import pytest
from gistwire.v1 import topic_pb2, topic_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from tests.server.services.conftest import Service
from tests.server.services.test_search import Refusal
from tests.server.topics.news import ALONE, CLOCKS, NOON, STRIKE, write


def until_noon() -> Timestamp:
    until = Timestamp()
    until.FromDatetime(NOON)
    return until


async def test_events_are_numbered_and_end_in_completed(service: Service) -> None:
    await write(service.bench, *STRIKE, *CLOCKS, *ALONE)
    stub = topic_pb2_grpc.TopicServiceStub(service.channel)
    request = topic_pb2.StreamTopicsRequest(until=until_noon(), window=Duration(seconds=86_400))
    events = [event async for event in stub.StreamTopics(request)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds == ["started", "topic", "topic", "digest", "digest", "completed"]


async def test_a_bad_request_names_its_fields(service: Service) -> None:
    stub = topic_pb2_grpc.TopicServiceStub(service.channel)
    request = topic_pb2.StreamTopicsRequest(window=Duration(seconds=1), max_topics=1_000)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in stub.StreamTopics(request):
            pass
    refusal = Refusal(caught.value)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == ["window", "max_topics"]


async def test_a_window_without_news_is_no_error(service: Service) -> None:
    stub = topic_pb2_grpc.TopicServiceStub(service.channel)
    until = Timestamp()
    until.FromDatetime(NOON - timedelta(days=3_000))
    events = [event async for event in stub.StreamTopics(topic_pb2.StreamTopicsRequest(until=until))]
    assert [event.WhichOneof("event") for event in events] == ["started", "completed"]
