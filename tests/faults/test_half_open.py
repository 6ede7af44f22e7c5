"""Fault 6: a connection goes silent without being closed; both sides notice by their keepalive pings."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from gistwire.v1 import search_pb2, search_pb2_grpc
from gistwire_client.service_config import CHANNEL_OPTIONS

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.tcp_relay import TcpRelay
from tests.faults.watched_server import watched_server

_DROPPED_WITHIN_S = 30.0
_GIVEN_UP_AFTER_S = 60.0


async def test_both_sides_drop_a_silent_connection_within_thirty_seconds(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    elasticsearch = {"urls": [elasticsearch_server.url], "prefix": f"half-open-{uuid4().hex[:8]}"}
    async with (
        watched_server(tmp_path, index="elasticsearch", elasticsearch=elasticsearch) as server,
        TcpRelay.running(server.target) as relay,
        # Not the client's own watch, which would begin anew where the broken one ended.
        grpc.aio.insecure_channel(relay.target, options=CHANNEL_OPTIONS) as channel,
    ):
        idle = await server.state()
        # A watch may be silent for hours: nothing but a ping tells that its connection is gone.
        watch = search_pb2_grpc.SearchServiceStub(channel).Watch(search_pb2.WatchRequest(query="harbour"))
        updates = aiter(watch)
        while not (await anext(updates)).HasField("caught_up"):
            pass
        relay.silence()
        begin = time.monotonic()

        async def read() -> float:
            with pytest.raises(grpc.aio.AioRpcError) as broken:
                async for _ in updates:
                    pass
            assert broken.value.code() is grpc.StatusCode.UNAVAILABLE
            return time.monotonic() - begin

        async def wait_for_server() -> float:
            await relay.wait_for_no_connection()
            return time.monotonic() - begin

        async with asyncio.timeout(_GIVEN_UP_AFTER_S):
            client_s, server_s = await asyncio.gather(read(), wait_for_server())
        await server.settled(tasks=idle.tasks)
        report_figure(
            f"fault 6: half-open connection of a watch: dropped by the client after {client_s:.1f} s, "
            f"by the server after {server_s:.1f} s, which then held nothing of it"
        )
        assert client_s <= _DROPPED_WITHIN_S
        assert server_s <= _DROPPED_WITHIN_S
