"""Where Prometheus reads the metrics of a server: `serving_metrics`, HTTP on an address of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from gistwire_server.errors import ConfigurationError
from gistwire_server.security.exposure import is_loopback
from gistwire_server.telemetry.config import TelemetryConfig
from gistwire_server.telemetry.metrics import ServerMetrics

PATH = "/metrics"

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def serving_metrics(metrics: ServerMetrics, config: TelemetryConfig) -> AsyncIterator[str]:
    """Serves metrics where the configuration says while the block runs, and gives their URL.

    Raises:
        ConfigurationError: `metrics_listen` makes no sense, can be reached by others without leave, or is taken.
    """
    host, port = _address(config)
    application = web.Application()
    application.router.add_get(PATH, _Exposition(metrics).respond)
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigurationError(f"telemetry.metrics_listen: {config.metrics_listen}: {error}") from error
        bound_host, bound_port = runner.addresses[0][:2]
        url = f"http://{f'[{bound_host}]' if ':' in bound_host else bound_host}:{bound_port}{PATH}"
        _log.info("serving_metrics", url=url)
        yield url
    finally:
        await runner.cleanup()


class _Exposition:
    """Writes the metrics out in a thread, as that takes a few milliseconds, and once at a time."""

    def __init__(self, metrics: ServerMetrics) -> None:
        self._metrics = metrics
        self._writing = asyncio.Lock()

    async def respond(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        async with self._writing:
            body = await asyncio.to_thread(encode, self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": content_type})


def _address(config: TelemetryConfig) -> tuple[str, int]:
    host, separator, port = (config.metrics_listen or "").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (separator and host and port.isdecimal() and int(port) <= 65_535):
        raise ConfigurationError(f"telemetry.metrics_listen: {config.metrics_listen!r} is not HOST:PORT")
    if not config.metrics_public and not is_loopback(host):
        raise ConfigurationError(
            f"telemetry.metrics_listen: {host!r} can be reached by other machines, which could read the metrics; "
            "set telemetry.metrics_public = true if they may"
        )
    return host, int(port)
