"""Traces the requests to a cluster: `TracedTransport`, which `connect` gives to the client."""

from typing import Any

from elastic_transport import AsyncTransport, HttpHeaders, OpenTelemetrySpan, TransportApiResponse
from elastic_transport.client_utils import DEFAULT, DefaultType
from gistwire_models.tracing import span, trace_headers
from opentelemetry.trace import SpanKind


class TracedTransport(AsyncTransport):
    """Gives each request a span and the headers of its trace.

    In place of the client's own tracing, which sends no headers, and whose spans hold identifiers of documents and,
    where the environment says so, bodies of searches.
    """

    async def perform_request(  # type: ignore[override]
        self,
        method: str,
        target: str,
        *,
        headers: Any = DEFAULT,
        otel_span: OpenTelemetrySpan | DefaultType = DEFAULT,
        **options: Any,
    ) -> TransportApiResponse:
        """Performs a request, as AsyncTransport says."""
        operation = getattr(otel_span, "endpoint_id", None) or method
        attributes = {"db.system.name": "elasticsearch", "db.operation.name": operation}
        with span(f"elasticsearch {operation}", kind=SpanKind.CLIENT, attributes=attributes) as current:
            traced = HttpHeaders({} if headers is DEFAULT else headers)
            traced.update(trace_headers())
            response = await super().perform_request(method, target, headers=traced, **options)
            current.set_attribute("db.response.status_code", str(response.meta.status))
            return response
