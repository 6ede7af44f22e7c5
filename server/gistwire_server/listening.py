"""Where a server listens: `bind`."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import grpc

from gistwire_server.config import UNIX_SOCKET, ServerConfig
from gistwire_server.errors import ConfigurationError


def bind(server: grpc.aio.Server, config: ServerConfig, stack: ExitStack) -> str:
    """Has a server listen where its configuration says, and returns the target, as a gRPC channel wants it.

    Args:
        server: not started yet.
        config: what it says.
        stack: removes a private socket when it closes.

    Raises:
        ConfigurationError: `config.listen` cannot be bound.
    """
    if config.listen == UNIX_SOCKET:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gistwire-"))
        target = f"unix:{Path(folder) / 'socket'}"
        server.add_insecure_port(target)
        return target
    host, _, _ = config.listen.rpartition(":")
    try:
        port = server.add_insecure_port(config.listen)
    except RuntimeError as error:
        raise ConfigurationError(f"listen: {config.listen} cannot be bound; is it in use?") from error
    return f"{host}:{port}"
