"""Where a server listens: `bind`, and `health_alone` for probes."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from gistwire_server.config import UNIX_SOCKET, ServerConfig
from gistwire_server.errors import ConfigurationError


async def bind(server: grpc.aio.Server, config: ServerConfig, stack: ExitStack) -> str:
    """Has a server listen where its configuration says, and returns the target, as a gRPC channel wants it.

    Args:
        server: not started yet.
        config: what it says.
        stack: removes a private socket when it closes.

    Raises:
        ConfigurationError: `config.listen` cannot be bound, or certificates cannot be used.
    """
    if config.listen == UNIX_SOCKET:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gistwire-"))
        target = f"unix:{Path(folder) / 'socket'}"
        server.add_insecure_port(target)
        return target
    credentials = None
    if config.security.tls is not None:
        # Connections in the clear do not wait for the imports.
        from gistwire_server.security.tls import server_credentials  # noqa: PLC0415

        credentials = await asyncio.to_thread(server_credentials, config.security.tls)
    return _listen(server, "listen", config.listen, credentials)


@asynccontextmanager
async def health_alone(config: ServerConfig, service: health.aio.HealthServicer) -> AsyncIterator[None]:
    """Answers probes in the clear at an address of their own while the block runs, if there is one.

    Args:
        config: says where.
        service: what it answers with.

    Raises:
        ConfigurationError: the address cannot be bound.
    """
    address = config.security.health_listen
    if address is None:
        yield
        return
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", int(config.processes > 1)),
            ("grpc.max_receive_message_length", 4_096),
        ]
    )
    health_pb2_grpc.add_HealthServicer_to_server(service, server)
    _listen(server, "security.health_listen", address, None)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


def _listen(
    server: grpc.aio.Server, setting: str, address: str, credentials: grpc.ServerCredentials | None
) -> str:
    host, _, _ = address.rpartition(":")
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ConfigurationError(f"{setting}: {address} cannot be bound; is it in use?") from error
    return f"{host}:{port}"
