"""`connect`: a client of the server at an address, or of one that runs in this process. Commands use it."""

import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import click

from gistwire_client.client import GistwireClient
from gistwire_client.errors import UnreachableError
from gistwire_client.garbage import collector_paused
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
    async with AsyncExitStack() as stack:
        with collector_paused():
            target = await _start(stack, data_dir, listen, tenants)
            # What was opened stays for as long as the server, so that there is no garbage in it.
            gc.freeze()
            stack.callback(gc.unfreeze)
        yield target


def keep_log_off_standard_output() -> None:
    """Has what runs in this process log to standard error, and warnings alone."""
    import structlog  # noqa: PLC0415

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _start(stack: AsyncExitStack, data_dir: Path, listen: str, tenants: Sequence[str]) -> str:
    # An embedded index computes on one thread of the BLAS: more of them would only spin until their first work comes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _import_structlog()
    # Only commands that run a server wait for its imports.
    from gistwire_indexer.errors import GistwireIndexerError  # noqa: PLC0415
    from gistwire_models.errors import GistwireModelError  # noqa: PLC0415
    from gistwire_server import embedded  # noqa: PLC0415
    from gistwire_server.config import load_config  # noqa: PLC0415
    from gistwire_server.errors import ConfigurationError, GistwireServerError  # noqa: PLC0415

    keep_log_off_standard_output()
    try:
        config = load_config(None, data_dir=data_dir, listen=listen, tenants=tuple(tenants))
        return await stack.enter_async_context(embedded.embedded_server(config))
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error
    except (GistwireIndexerError, GistwireModelError, GistwireServerError, OSError) as error:
        raise UnreachableError(f"the server in this process cannot start: {error}") from error


def _import_structlog() -> None:
    """Imports structlog without what it would print tracebacks in colours with, which takes longer than itself."""
    hidden = [name for name in ("rich", "colorama", "better_exceptions") if name not in sys.modules]
    for name in hidden:
        # As if it were not installed (https://docs.python.org/3/reference/import.html#the-module-cache).
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401, PLC0415
    finally:
        for name in hidden:
            del sys.modules[name]
