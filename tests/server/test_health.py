"""Tests of gistwire_server.health, over real gRPC: a server that drains does not wait for those who watch it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire_server.health import HealthService
from grpc_health.v1 import health_pb2, health_pb2_grpc

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_WITHIN_S = 30.0


@dataclass
class Running:
    """A server that answers health checks, and a stub of it."""

    server: grpc.aio.Server
    service: HealthService
    stub: Any


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    target = f"unix:{tmp_path / 'socket'}"
    server, service = grpc.aio.server(), HealthService()
    health_pb2_grpc.add_HealthServicer_to_server(service, server)
    server.add_insecure_port(target)
    await server.start()
    async with grpc.aio.insecure_channel(target) as channel:
        yield Running(server, service, health_pb2_grpc.HealthStub(channel))
    await server.stop(None)


@pytest.mark.parametrize(("name", "statuses"), [("", [_NOT_SERVING]), ("unknown", [])])
async def test_watchers_are_told_and_sent_away(running: Running, name: str, statuses: list[int]) -> None:
    watch = running.stub.Watch(health_pb2.HealthCheckRequest(service=name))
    updates = aiter(watch)
    await anext(updates)
    await running.service.enter_graceful_shutdown()
    async with asyncio.timeout(_WITHIN_S):
        told = []
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            async for update in updates:
                told.append(update.status)  # noqa: PERF401 (what came before the error counts)
        assert told == statuses
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        # Nothing is under way that it would wait for.
        await running.server.stop(10 * _WITHIN_S)


async def test_checks_and_changes_are_as_ever(running: Running) -> None:
    assert (await running.stub.Check(health_pb2.HealthCheckRequest())).status == _SERVING
    updates = aiter(running.stub.Watch(health_pb2.HealthCheckRequest()))
    assert (await anext(updates)).status == _SERVING
    await running.service.set("", _NOT_SERVING)
    assert (await anext(updates)).status == _NOT_SERVING
