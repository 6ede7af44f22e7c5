"""Tests of the services of a server, whether all are made at its start or each by its first call."""

from typing import Any

import grpc
import pytest
from gistwire.v1 import (
    article_pb2,
    recommendation_pb2,
    search_pb2,
    summary_pb2,
    topic_pb2,
    user_event_pb2,
)
from gistwire_client.client import GistwireClient
from gistwire_server.app import serving
from gistwire_server.services.registration import SERVICE_NAMES

from tests.server.services.conftest import Service

METHODS = [
    method
    for module in (search_pb2, summary_pb2, recommendation_pb2, topic_pb2, article_pb2, user_event_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
"""Descriptors of all that the contract offers."""


async def status(channel: grpc.aio.Channel, path: str, *, streams: bool = False) -> grpc.StatusCode:
    """The status of a call with an empty request."""
    empty: Any = b""
    call: Any = channel.stream_stream(path)(iter([empty])) if streams else channel.unary_stream(path)(empty)
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("for_few_calls", [True, False])
async def test_each_method_of_the_contract_is_served_and_nothing_else(
    service: Service, for_few_calls: bool
) -> None:
    assert {method.containing_service.full_name for method in METHODS} == set(SERVICE_NAMES)
    async with (
        serving(service.bench.engines, for_few_calls=for_few_calls) as running,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        for method in METHODS:
            path = f"/{method.containing_service.full_name}/{method.name}"
            found = await status(channel, path, streams=method.client_streaming)
            assert found != grpc.StatusCode.UNIMPLEMENTED, path
        for path in ("/gistwire.v1.SearchService/Find", "/gistwire.v1.Nothing/Search", "Search"):
            assert await status(channel, path) == grpc.StatusCode.UNIMPLEMENTED


async def test_a_service_that_was_made_by_its_first_call_serves_the_next(service: Service) -> None:
    async with (
        serving(service.bench.engines, for_few_calls=True) as running,
        GistwireClient(running.target) as client,
    ):
        for _ in range(2):
            events = [event async for event in client.stream_search("harbour strike", top_k=2)]
            assert events[-1].HasField("completed")
        assert (await client.get_article("a1")).headline == "Harbour ferry in Ellery"
