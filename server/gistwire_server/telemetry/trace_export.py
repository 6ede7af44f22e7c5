"""Where the traces of a server go: `exporting_traces`, which a server of its own opens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import grpc
import structlog
from gistwire_models.tracing import TRACER_NAME
from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import NoOpTracer, Tracer
from opentelemetry.util.types import Attributes

from gistwire_server.errors import ConfigurationError
from gistwire_server.telemetry.config import TracesConfig

_FLUSH_S = 5.0
"""Longest wait for the collector to take the last spans, in seconds."""

_log = structlog.get_logger(__name__)


class OwnSpansProvider(TracerProvider):
    """Records the spans of Gistwire's own: what libraries write into theirs is not ours to vouch for."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Tracer:
        """Returns a tracer; one that records nothing for a library."""
        # Those of the client are named alike.
        if not instrumenting_module_name.startswith(TRACER_NAME):
            return NoOpTracer()
        return super().get_tracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )


def sampler_of(config: TracesConfig) -> Sampler:
    """Returns what decides which calls are traced."""
    by_share = TraceIdRatioBased(config.sampling_ratio)
    if config.follow_callers:
        return ParentBased(by_share)
    return ParentBased(by_share, remote_parent_sampled=by_share, remote_parent_not_sampled=by_share)


@asynccontextmanager
async def exporting_traces(config: TracesConfig, instance_id: str) -> AsyncIterator[None]:
    """Sends the traces of this process to the collector of a configuration while the block runs, if it names one.

    A process can do this once: OpenTelemetry lets nobody replace the provider.

    Args:
        config: where to.
        instance_id: tells this process from other replicas.

    Raises:
        ConfigurationError: the certificates cannot be read.
    """
    if config.endpoint is None:
        yield
        return
    # Whoever exports no traces does without what this imports.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    credentials = None
    if config.ca_file is not None:
        try:
            credentials = grpc.ssl_channel_credentials(await asyncio.to_thread(config.ca_file.read_bytes))
        except OSError as error:
            raise ConfigurationError(f"telemetry.traces.ca_file: {error}") from error
    exporter = OTLPSpanExporter(
        endpoint=config.endpoint, insecure=config.ca_file is None, credentials=credentials
    )
    provider = OwnSpansProvider(
        sampler=sampler_of(config),
        resource=Resource.create(
            {
                SERVICE_NAME: "gistwire",
                SERVICE_VERSION: version("gistwire"),
                SERVICE_INSTANCE_ID: instance_id,
            }
        ),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    _log.info("exporting_traces", endpoint=config.endpoint, sampling_ratio=config.sampling_ratio)
    try:
        yield
    finally:
        try:
            async with asyncio.timeout(_FLUSH_S):
                await asyncio.to_thread(provider.shutdown)
        except TimeoutError:
            _log.warning("traces_lost", endpoint=config.endpoint)
