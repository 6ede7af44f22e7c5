"""Tests that a client shares its calls between the servers that its target stands for."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
from gistwire_client import GistwireClient
from grpc_health.v1 import health_pb2


@asynccontextmanager
async def counting_server(asked: list[int], number: int) -> AsyncIterator[int]:
    """A server that answers to health checks and notes its number for each; gives its port."""

    async def check(
        request: health_pb2.HealthCheckRequest, context: object
    ) -> health_pb2.HealthCheckResponse:
        asked.append(number)
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)

    handler = grpc.unary_unary_rpc_method_handler(
        check,
        request_deserializer=health_pb2.HealthCheckRequest.FromString,
        response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def test_every_server_behind_a_target_gets_calls() -> None:
    asked: list[int] = []
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(counting_server(asked, number)) for number in range(3)]
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        client = await stack.enter_async_context(GistwireClient(target))
        # The first calls go where a connection stands already; before long all do.
        for _ in range(1_000):
            await client.health()
            if set(asked) == {0, 1, 2}:
                break
        assert set(asked) == {0, 1, 2}
