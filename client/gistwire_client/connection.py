"""`connect`: a client of the server at an address, or of one that runs in this process. Commands use it."""

import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import click

from gistwire_client.client import GistwireClient
from gistwire_client.errors import UnreachableError
from gistwire_client.remote import remote_client

PRIVATE_SOCKET = "unix"
"""Where a server listens that only this process is to reach."""


@asynccontextmanager
async def connect(
    target: str | None, data_dir: Path, tenant: str | None = None
) -> AsyncIterator[GistwireClient]:
    """Connects to a server.

    Args:
        target: where it is; None for one in this process. Of a command that runs, its options and the environment say
            how it is connected to.
        data_dir: the folder over which that one runs.
        tenant: whose articles all calls are about; None for the default tenant.

    Raises:
        UnreachableError: the server in this process cannot start.
        click.UsageError: `tenant`, or how the server is to be connected to, makes no sense.
    """
    async with AsyncExitStack() as stack:
        if target is None:
            tenants = () if tenant is None else (tenant,)
            server = embedded_server(data_dir, listen=PRIVATE_SOCKET, tenants=tenants)
            client = GistwireClient(await stack.enter_async_context(server), tenant=tenant)
        else:
            client = remote_client(target, tenant)
        yield await stack.enter_async_context(client)


@asynccontextmanager
async def embedded_server(data_dir: Path, *, listen: str, tenants: Sequence[str] = ()) -> AsyncIterator[str]:
    """Runs a server in this process, and gives the target at which it listens.

    Args:
        data_dir: the folder of the index.
        listen: as the configuration has it.
        tenants: tenants besides the default one.

    Raises:
        UnreachableError: it cannot start.
        click.UsageError: its configuration makes no sense.
    """
    # Only commands that run a server wait for its imports.
    from gistwire_indexer.errors import GistwireIndexerError  # noqa: PLC0415
    from gistwire_models.errors import GistwireModelError  # noqa: PLC0415
    from gistwire_server.app import running_server  # noqa: PLC0415
    from gistwire_server.config import load_config  # noqa: PLC0415
    from gistwire_server.errors import ConfigurationError, GistwireServerError  # noqa: PLC0415

    keep_log_off_standard_output()
    async with AsyncExitStack() as stack:
        try:
            config = load_config(None, data_dir=data_dir, listen=listen, tenants=tuple(tenants))
            server = await stack.enter_async_context(running_server(config))
        except ConfigurationError as error:
            raise click.UsageError(str(error)) from error
        except (GistwireIndexerError, GistwireModelError, GistwireServerError, OSError) as error:
            raise UnreachableError(f"the server in this process cannot start: {error}") from error
        yield server.target


def keep_log_off_standard_output() -> None:
    """Has what runs in this process log to standard error, and warnings alone."""
    import structlog  # noqa: PLC0415

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
