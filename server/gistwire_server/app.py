"""Puts a server together from its configuration, runs it (`running_server`, `serve`), and drains it."""

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
import structlog
from gistwire_indexer.index import DEFAULT_TENANT, ArticleStore
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from gistwire_server.article_feed import ArticleFeeds
from gistwire_server.backends import Backends, open_backends
from gistwire_server.calls import Calls
from gistwire_server.config import UNIX_SOCKET, ServerConfig
from gistwire_server.decoding import DecodingInterceptor
from gistwire_server.engines import Engines
from gistwire_server.health import HealthService
from gistwire_server.listening import bind, health_alone
from gistwire_server.overload.admission import AdmissionController
from gistwire_server.overload.loop_lag import LoopLag
from gistwire_server.overload.rate_limits import RateLimits
from gistwire_server.paging import TokenSigner, load_key
from gistwire_server.policy.summary_policy import open_policy
from gistwire_server.retention import expiring
from gistwire_server.scoring import Scorer
from gistwire_server.security.authentication import open_authenticator
from gistwire_server.services.registration import SERVICE_NAMES, ServiceParts, add_services
from gistwire_server.telemetry.gathering import gather_metrics, no_metrics
from gistwire_server.telemetry.log import configure_log
from gistwire_server.telemetry.observation import CallObserver
from gistwire_server.tenancy import Tenants

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that takes calls.

    Attributes:
        target: where, as a gRPC channel wants it: ``"127.0.0.1:50051"`` or ``"unix:/path"``.
        engines: what it runs on, for the default tenant.
        store: where the indices of all tenants are; None if there is only the one of `engines`.
        metrics_url: where Prometheus reads its metrics; None if nowhere.
    """

    target: str
    engines: Engines
    store: ArticleStore | None = None
    metrics_url: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedEngines:
    """What a server runs on.

    Attributes:
        engines: those of the default tenant.
        store: where the indices of all tenants are.
    """

    engines: Engines
    store: ArticleStore


@asynccontextmanager
async def open_engines(config: ServerConfig) -> AsyncIterator[OpenedEngines]:
    """Opens the indices and the models of a configuration, and closes them in the end.

    Raises:
        ConfigurationError: what the policy names cannot be used.
        Exception: as `open_backends`.
    """
    async with open_backends(config) as backends:
        yield OpenedEngines(await engines_on(backends, config), backends.store)


async def engines_on(backends: Backends, config: ServerConfig) -> Engines:
    """Returns the engines of the default tenant.

    Raises:
        IndexUnavailableError: the users' file, or the key that signs tokens, cannot be read or made.
        ConfigurationError: what the policy names cannot be used.
    """
    index = await backends.store.tenant(DEFAULT_TENANT)
    users = await backends.store.user_events(DEFAULT_TENANT)
    key = await asyncio.to_thread(load_key, config.token_key_file or config.data_dir / "token.key")
    signer = TokenSigner(key, lifetime_s=config.limits.page_token_lifetime_s)
    policy = await asyncio.to_thread(open_policy, config.policy)
    return Engines(
        config, index, users, backends.encoder, backends.summarizer, Scorer(), signer, policy=policy
    )


@asynccontextmanager
async def running_server(config: ServerConfig) -> AsyncIterator[RunningServer]:
    """Opens what a configuration says and runs a server on it while the block runs; then drains it.

    Raises:
        ConfigurationError: `config.listen` cannot be bound.
        Exception: as `open_engines`.
    """
    async with open_engines(config) as opened, serving(opened.engines, opened.store) as running:
        yield running


@asynccontextmanager
async def serving(
    engines: Engines, store: ArticleStore | None = None, *, for_few_calls: bool = False
) -> AsyncIterator[RunningServer]:
    """Runs a server on these engines while the block runs; then drains it: NOT_SERVING, streams finish, stop.

    Args:
        engines: those of the default tenant.
        store: where the indices of the other tenants are; None if there are none.
        for_few_calls: whether the process ends after a few calls: then each waits for its own imports, rather than
            all for those of all.

    Raises:
        ConfigurationError: `engines.config.listen` cannot be bound.
    """
    config = engines.config
    async with AsyncExitStack() as stack:
        server = grpc.aio.server(interceptors=(DecodingInterceptor(),), options=_server_options(config))
        health_service = HealthService()
        tenants = Tenants(engines, store, config.tenants)
        feeds = ArticleFeeds(config.watch)
        authenticator = await asyncio.to_thread(open_authenticator, config.security)
        rates = RateLimits(config.overload)
        admission = AdmissionController(config.overload, config.limits, rates, loop_lag=LoopLag())
        is_read = config.telemetry.metrics_listen is not None
        metrics = gather_metrics(config, engines, admission) if is_read else no_metrics()
        engines.costs.observer = metrics.stage_ended
        calls = Calls(
            tenants,
            authenticator,
            CallObserver(metrics),
            rates,
            recheck_interval_s=config.security.recheck_interval_s,
        )
        parts = ServiceParts(calls, admission, tenants, config, feeds)
        add_services(server, parts, when_called=for_few_calls)
        is_private = for_few_calls and config.listen == UNIX_SOCKET
        if config.security.tells_contract and not is_private:
            _tell_contract(server)
        health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
        target = await bind(server, config, stack.enter_context(ExitStack()))
        await stack.enter_async_context(expiring(tenants, config.retention_days))
        metrics_url = None
        if config.telemetry.metrics_listen is not None:
            # A server whose metrics nobody reads does without a web server's imports.
            from gistwire_server.telemetry.event_loop import watching_event_loop  # noqa: PLC0415
            from gistwire_server.telemetry.metrics_endpoint import serving_metrics  # noqa: PLC0415

            metrics_url = await stack.enter_async_context(serving_metrics(metrics, config.telemetry))
            await stack.enter_async_context(watching_event_loop(metrics))
        await server.start()
        await stack.enter_async_context(health_alone(config, health_service))
        for name in ("", *SERVICE_NAMES):
            await health_service.set(name, health_pb2.HealthCheckResponse.SERVING)
        _log.info("serving", target=target)
        try:
            yield RunningServer(target, engines, store, metrics_url)
        finally:
            await health_service.enter_graceful_shutdown()
            await feeds.close()
            await server.stop(config.limits.drain_s)
            _log.info("stopped")


async def serve(config: ServerConfig, *, when_serving: Callable[[], None] | None = None) -> None:
    """Runs a server until SIGINT or SIGTERM, with its log on standard error.

    Args:
        config: the configuration; `processes` says whether others may have the same port.
        when_serving: called once it takes calls.
    """
    # Servers inside commands export no traces, and do without the imports.
    from gistwire_server.telemetry.trace_export import exporting_traces  # noqa: PLC0415

    configure_log(config.telemetry)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stop.set)
    try:
        async with exporting_traces(config.telemetry.traces, uuid.uuid4().hex), running_server(config):
            if when_serving is not None:
                when_serving()
            await stop.wait()
            _log.info("draining", limit_s=config.limits.drain_s)
    finally:
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(signal_number)


def _server_options(config: ServerConfig) -> list[tuple[str, int]]:
    limits = config.limits
    aging = []
    if limits.max_connection_age_s is not None:
        aging = [("grpc.max_connection_age_ms", round(limits.max_connection_age_s * 1_000))]
    return [
        *aging,
        ("grpc.max_receive_message_length", limits.max_message_bytes),
        ("grpc.max_send_message_length", limits.max_message_bytes),
        # What is held of a stream for a slow reader, beside what the reader's window lets go.
        ("grpc.http2.write_buffer_size", 16 * 1024),
        # Two servers on one port that do not know of each other would split its calls between them unseen.
        ("grpc.so_reuseport", int(config.processes > 1)),
        # A half-open connection is dropped within 30 s. gRPC waits for the answer to a ping as the third of these
        # says, a minute by default, and never as the second does (grpc pull request 39239).
        ("grpc.keepalive_time_ms", 15_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def _tell_contract(server: grpc.aio.Server) -> None:
    # Servers that do not tell it, and those that nobody but a command can ask, do without the imports.
    from grpc_reflection.v1alpha import reflection  # noqa: PLC0415

    reflection.enable_server_reflection(
        (*SERVICE_NAMES, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
