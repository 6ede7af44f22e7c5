"""The span of each call: `call_span`. Where spans go says trace_export.py.

Spans of its stages and of requests to backends are made where the work is, with `gistwire_models.tracing`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from gistwire_models.tracing import TRACER_NAME
from opentelemetry import trace
from opentelemetry.context import Context, attach
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_tracer = trace.get_tracer(TRACER_NAME)
_propagator = TraceContextTextMapPropagator()


@contextmanager
def call_span(context: grpc.aio.ServicerContext[Any, Any], rpc: str, request_id: str) -> Iterator[Span]:
    """Makes the span of a call the current one, in the trace of its caller if there is one; it ends with the block.

    It stays the current one: a call has a task of its own, and so a context, which ends with it. What is left of a
    stream whose reader has gone is closed by another task, which could not give back what this one took.

    Args:
        context: the call, as gRPC has it.
        rpc: its name.
        request_id: identifies it.
    """
    attributes = {"rpc.system": "grpc", "rpc.method": rpc, "gistwire.request_id": request_id}
    parent = _context_of(context)
    span = _tracer.start_span(
        f"gistwire {rpc}", context=parent, kind=SpanKind.SERVER, attributes=attributes, record_exception=False
    )
    if parent is not None or span.is_recording():
        attach(trace.set_span_in_context(span, parent))
    try:
        yield span
    finally:
        span.end()


def _context_of(context: grpc.aio.ServicerContext[Any, Any]) -> Context | None:
    carrier = {
        key: value
        for key, value in context.invocation_metadata() or ()
        if key in _propagator.fields and isinstance(value, str)
    }
    # tracestate may hold what another vendor put there; it travels on and is never recorded.
    return _propagator.extract(carrier) if carrier else None
