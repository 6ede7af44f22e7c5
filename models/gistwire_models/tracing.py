"""Spans of the work behind a call, and how they travel to backends: `span`, `begin_span` and `trace_headers`.

They go to the tracer provider that the process has set, and cost next to nothing while there is none. No span holds
text of users or articles: not in its name, its attributes or its events, and so not the messages of errors either.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, ProxyTracerProvider, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACER_NAME = "gistwire"
"""Instrumentation scope of all spans of Gistwire."""

Attributes = Mapping[str, str | int | float | bool]

# A proxy: it finds the provider once one is set.
_tracer = trace.get_tracer(TRACER_NAME)
_propagator = TraceContextTextMapPropagator()


@contextmanager
def span(
    name: str, *, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
) -> Iterator[Span]:
    """Makes a span the current one while the block runs.

    An error that leaves the block is told by its type alone; a task that was cancelled is no error.

    Args:
        name: a name of which there are few.
        kind: ``CLIENT`` for a request to another process.
        attributes: nothing that a user or an article says.
    """
    if isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        # Nobody set a provider: the block is most of what a step of a few microseconds would cost.
        yield INVALID_SPAN
        return
    with _tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except (asyncio.CancelledError, GeneratorExit):
            current.set_attribute("gistwire.cancelled", True)
            raise
        except BaseException as error:
            note_error(current, error)
            raise


def begin_span(name: str, *, attributes: Attributes | None = None) -> Span:
    """Begins a span of a request to another process, below the current one, which it does not become.

    For what no block encloses, such as a stream that a generator reads. Who begins it ends it.
    """
    return _tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


def note_error(current: Span, error: BaseException) -> None:
    """Marks a span as failed, with the type of the error and without its message."""
    current.set_status(StatusCode.ERROR)
    current.set_attribute("error.type", type(error).__qualname__)


def trace_headers(current: Span | None = None) -> dict[str, str]:
    """Returns the headers by which another process goes on with a trace, as W3C Trace Context has them.

    Args:
        current: the span that is its parent there; None for the current one.

    Returns:
        ``traceparent``, and ``tracestate`` if there is one; nothing outside of traces.
    """
    headers: dict[str, str] = {}
    _propagator.inject(headers, None if current is None else trace.set_span_in_context(current))
    return headers


def current_trace_id() -> str | None:
    """Returns the identifier of the current trace, as 32 hexadecimal digits; None outside of traces."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else None
