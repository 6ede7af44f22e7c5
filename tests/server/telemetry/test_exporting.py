"""Tests that traces reach a collector: a server in a process of its own, and a collector that keeps what it gets."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.v1 import search_pb2, search_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.backends.ports import free_port

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@dataclass
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans that it is sent."""

    target: str = ""
    requests: list[trace_service_pb2.ExportTraceServiceRequest] = field(default_factory=list)

    async def Export(  # noqa: N802 (the protocol's name)
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: Any
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    collector.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield collector
    await server.stop(None)


async def test_spans_are_sent_before_the_server_ends(collector: Collector, tmp_path: Path) -> None:
    configuration = tmp_path / "gistwire.toml"
    configuration.write_text(
        f'data_dir = "{tmp_path / "data"}"\nsummarizer = "extracting"\n'
        f'[telemetry.traces]\nendpoint = "{collector.target}"\nsampling_ratio = 0.0\n'
    )
    target = f"127.0.0.1:{free_port()}"
    gistwire = Path(sys.executable).with_name("gistwire")
    server = await asyncio.create_subprocess_exec(
        *(gistwire, "serve", "--config", configuration, "--port", target.rpartition(":")[2]),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with grpc.aio.insecure_channel(target) as channel:
            searching = search_pb2_grpc.SearchServiceStub(channel)
            # Of the two, the first decided to be traced, and the second leaves it to the server, which traces none.
            for metadata in ((("traceparent", f"00-{TRACE_ID}-b7ad6b7169203331-01"),), ()):
                request = search_pb2.SearchRequest(query="canary")
                await searching.Search(request, wait_for_ready=True, timeout=60, metadata=metadata)
    finally:
        server.send_signal(signal.SIGTERM)
        assert await server.wait() == 0
    resources = [each for request in collector.requests for each in request.resource_spans]
    spans = [span for each in resources for scope in each.scope_spans for span in scope.spans]
    assert {"gistwire Search", "encode", "retrieve"} <= {span.name for span in spans}
    assert {span.trace_id.hex() for span in spans} == {TRACE_ID}
    attributes = {each.key: each.value.string_value for each in resources[0].resource.attributes}
    assert attributes["service.name"] == "gistwire"
    assert attributes["service.instance.id"]
    assert b"canary" not in b"".join(request.SerializeToString() for request in collector.requests)
