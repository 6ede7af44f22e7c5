"""Tests of traced requests to Triton: a span for each, whose trace the server is told."""

from collections.abc import Callable
from typing import Any

import grpc
from gistwire_models.encoder import Priority
from gistwire_models.tracing import span
from opentelemetry.sdk.trace import ReadableSpan

from tests.models.summarizer_contract import make_request
from tests.models.triton.engines import make_encoder, make_summarizer, settings_for
from tests.models.triton.fake_triton import FakeTriton
from tests.recorded_spans import RecordedSpans, context_of, parent_of


def header_of(request: ReadableSpan) -> str:
    context = context_of(request)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


async def test_requests_for_vectors_and_summaries_go_on_with_the_trace(
    servers: list[FakeTriton], closing: Callable[[Any], Any], spans: RecordedSpans
) -> None:
    server = servers[0]
    encoder = closing(make_encoder(settings_for([server])))
    summarizer = closing(make_summarizer(settings_for([server])))
    with span("encode"):
        await encoder.encode(["canary"], priority=Priority.QUERY)
    with span("summarize"):
        async for _ in summarizer.summarize(make_request()):
            pass
    infer, stream = spans.only("triton ModelInfer"), spans.only("triton ModelStreamInfer")
    assert parent_of(infer, spans.ended) is spans.only("encode")
    assert parent_of(stream, spans.ended) is spans.only("summarize")
    assert server.traceparents == [header_of(infer), header_of(stream)]
    assert infer.attributes == {
        "rpc.system": "grpc",
        "rpc.method": "ModelInfer",
        "server.address": server.target,
        "gistwire.model": "encoder",
    }
    assert "canary" not in "".join(each.to_json() for each in spans.ended)


async def test_engines_tell_the_state_of_each_server(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    encoder = closing(make_encoder(settings_for(servers, open_s=60.0, max_open_s=60.0)))
    assert encoder.endpoint_states() == {server.target: "closed" for server in servers}
    servers[0].status, servers[0].ready = grpc.StatusCode.UNAVAILABLE, False
    for _ in range(12):
        await encoder.encode(["news"], priority=Priority.QUERY)
    assert encoder.endpoint_states() == {servers[0].target: "open", servers[1].target: "closed"}
