"""Goes on with the traces of an application that makes some: `tracing_interceptors`, for the channel of a client."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import grpc

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_TRACER_NAME = "gistwire_client"


def tracing_interceptors() -> Sequence[grpc.aio.ClientInterceptor]:
    """Returns interceptors that give each call a span, whose trace the server goes on with.

    None if the application has not imported OpenTelemetry, which then is not imported either: it makes no traces.
    """
    if "opentelemetry.trace" not in sys.modules:
        return ()
    return (_UnaryUnary(), _UnaryStream(), _StreamStream())


def _begun(details: grpc.aio.ClientCallDetails) -> "tuple[Span, grpc.aio.ClientCallDetails]":
    """A span for a call, and the call with the headers by which the server's is below it (W3C Trace Context)."""
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    # The library gives bytes, whatever its types say.
    method = cast(str | bytes, details.method)
    name = (method.decode() if isinstance(method, bytes) else method).removeprefix("/")
    span = trace.get_tracer(_TRACER_NAME).start_span(
        name, kind=trace.SpanKind.CLIENT, attributes={"rpc.system": "grpc", "rpc.method": name}
    )
    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers, trace.set_span_in_context(span))
    return span, grpc.aio.ClientCallDetails(
        method=details.method,
        timeout=details.timeout,
        metadata=grpc.aio.Metadata(*(details.metadata or ()), *headers.items()),
        credentials=details.credentials,
        wait_for_ready=details.wait_for_ready,
    )


async def _traced(continuation: Any, details: grpc.aio.ClientCallDetails, request: Any) -> Any:
    span, details = _begun(details)
    try:
        call = await continuation(details, request)
    except BaseException:
        span.end()
        raise
    call.add_done_callback(lambda _: span.end())
    return call


# The library takes an interceptor for the kind that it inherits from, and one class cannot be of several.
class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await _traced(continuation, client_call_details, request)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await _traced(continuation, client_call_details, request)


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request_iterator: Any
    ) -> Any:
        return await _traced(continuation, client_call_details, request_iterator)
