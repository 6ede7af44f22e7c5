"""Tests of spans: where they hang, how they travel, and what they keep to themselves."""

import asyncio

import pytest
from gistwire_models.tracing import begin_span, current_trace_id, span, trace_headers
from opentelemetry.trace import SpanKind, StatusCode

from tests.recorded_spans import RecordedSpans, parent_of


def test_a_span_in_a_span_is_below_it(spans: RecordedSpans) -> None:
    with span("outer") as outer, span("inner", kind=SpanKind.CLIENT, attributes={"places": 3}):
        assert current_trace_id() == format(outer.get_span_context().trace_id, "032x")
    inner = spans.only("inner")
    assert parent_of(inner, spans.ended) is spans.only("outer")
    assert (inner.kind, inner.attributes) == (SpanKind.CLIENT, {"places": 3})
    assert current_trace_id() is None


def test_an_error_is_told_by_its_type_alone(spans: RecordedSpans) -> None:
    with pytest.raises(ValueError, match="canary"), span("failing"):
        raise ValueError("canary")
    failed = spans.only("failing")
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes == {"error.type": "ValueError"}
    assert "canary" not in failed.to_json()


async def test_a_task_that_is_cancelled_has_not_failed(spans: RecordedSpans) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        with span("waiting"):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    cancelled = spans.only("waiting")
    assert cancelled.status.status_code is StatusCode.UNSET
    assert cancelled.attributes == {"gistwire.cancelled": True}


def test_headers_are_those_of_w3c_trace_context(spans: RecordedSpans) -> None:
    assert trace_headers() == {}
    with span("call") as call:
        context = call.get_span_context()
        expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        assert trace_headers() == {"traceparent": expected}


def test_a_span_that_is_begun_does_not_become_the_current_one(spans: RecordedSpans) -> None:
    with span("call") as call:
        request = begin_span("request")
        assert trace_headers(request) != trace_headers(call) == trace_headers()
        request.end()
    assert parent_of(spans.only("request"), spans.ended) is spans.only("call")
