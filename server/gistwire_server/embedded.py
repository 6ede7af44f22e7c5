"""A server for the few calls of a command, in the command's process: `embedded_server`. It starts fast."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from gistwire_server.backends import open_backends
from gistwire_server.config import ServerConfig


@asynccontextmanager
async def embedded_server(config: ServerConfig) -> AsyncIterator[str]:
    """Runs a server as `app.running_server` does, and gives the target at which it listens.

    It is the same server, but what the calls of the command do not need is neither imported nor opened, and the rest
    is imported while models and index are being read.

    Raises:
        ConfigurationError: `config.listen` cannot be bound.
        Exception: as `app.open_engines`.
    """
    importing = asyncio.create_task(asyncio.to_thread(import_module, "gistwire_server.app"))
    try:
        async with open_backends(config, for_few_calls=True) as backends:
            await importing
            from gistwire_server.app import engines_on, serving  # noqa: PLC0415

            engines = await engines_on(backends, config)
            async with serving(engines, backends.store, for_few_calls=True) as running:
                yield running.target
    finally:
        await asyncio.gather(importing, return_exceptions=True)
