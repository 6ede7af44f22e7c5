"""Tests of traces: one search is one trace, in which everything has its place and nothing says what was asked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import search_pb2, search_pb2_grpc
from gistwire_client.client import GistwireClient
from gistwire_client.errors import RequestRefusedError
from gistwire_models.scripted import SummaryScript
from gistwire_server.app import serving
from gistwire_server.config import ServerConfig
from gistwire_server.errors import ConfigurationError
from gistwire_server.telemetry.config import TracesConfig
from gistwire_server.telemetry.trace_export import exporting_traces, sampler_of
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from tests.recorded_spans import RecordedSpans, context_of, parent_of
from tests.server.conftest import Bench

APPLICATION = trace.get_tracer("gistwire")
TRACE_ID, SPAN_ID = int("0af7651916cd43dd8448eb211c80319c", 16), int("b7ad6b7169203331", 16)


@pytest.fixture
async def target(bench: Bench, spans: RecordedSpans) -> AsyncIterator[str]:
    config = ServerConfig(data_dir=bench.engines.config.data_dir, listen="unix")
    async with serving(replace(bench.engines, config=config)) as running:
        yield running.target


@pytest.fixture
async def client(target: str) -> AsyncIterator[GistwireClient]:
    async with GistwireClient(target) as client:
        yield client


async def search(client: GistwireClient, query: str = "harbour strike ferry") -> None:
    async for _ in client.stream_search(query, top_k=2):
        pass


async def test_one_search_is_one_trace_with_the_right_parents(
    client: GistwireClient, spans: RecordedSpans
) -> None:
    with APPLICATION.start_as_current_span("page"):
        await search(client)
    while not spans.named("gistwire StreamSearch"):
        await asyncio.sleep(0)
    page, call = spans.only("page"), spans.only("gistwire.v1.SearchService/StreamSearch")
    server = spans.only("gistwire StreamSearch")
    assert {context_of(span).trace_id for span in spans.ended} == {context_of(page).trace_id}
    assert parent_of(server, spans.ended) is call
    assert parent_of(call, spans.ended) is page
    assert (call.kind, server.kind) == (SpanKind.CLIENT, SpanKind.SERVER)
    for stage, times in (("encode", 1), ("retrieve", 1), ("summarize_several", 2), ("score", 2)):
        found = spans.named(stage)
        assert len(found) == times
        assert all(parent_of(span, spans.ended) is server for span in found)
    assert server.attributes is not None
    assert server.attributes["rpc.grpc.status_code"] == 0
    assert server.attributes["gistwire.tenant"] == "default"
    assert [event.name for event in server.events] == ["hits", "text"]
    assert server.status.status_code is StatusCode.UNSET


async def test_a_caller_of_any_kind_is_gone_on_with(target: str, spans: RecordedSpans) -> None:
    header = f"00-{TRACE_ID:032x}-{SPAN_ID:016x}-01"
    async with grpc.aio.insecure_channel(target) as channel:
        await search_pb2_grpc.SearchServiceStub(channel).Search(
            search_pb2.SearchRequest(query="harbour"), metadata=(("traceparent", header),)
        )
        # What cannot be read is a trace of its own, and no error.
        await search_pb2_grpc.SearchServiceStub(channel).Search(
            search_pb2.SearchRequest(query="harbour"), metadata=(("traceparent", "00-zz"),)
        )
    known, unknown = spans.named("gistwire Search")
    assert context_of(known).trace_id == TRACE_ID
    assert known.parent is not None
    assert known.parent.span_id == SPAN_ID
    assert unknown.parent is None


async def test_an_error_is_told_by_its_type_alone(
    bench: Bench, client: GistwireClient, spans: RecordedSpans
) -> None:
    bench.summarizer.scripts = {f"a{place}": SummaryScript(failure=KeyError("canary")) for place in range(8)}
    await search(client)
    with pytest.raises(RequestRefusedError):
        await search(client, "canary" * 500)
    while len(spans.named("gistwire StreamSearch")) < 2:
        await asyncio.sleep(0)
    failed = spans.named("summarize_several")[0]
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "KeyError"
    refused = spans.named("gistwire StreamSearch")[1]
    assert refused.attributes is not None
    assert refused.attributes["error.type"] == "InvalidRequestError"
    assert refused.status.status_code is StatusCode.UNSET
    assert "canary" not in "".join(span.to_json() for span in spans.ended)


def remote_parent(*, sampled: bool) -> object:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else 0)
    context = SpanContext(TRACE_ID, SPAN_ID, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(context))


@pytest.mark.parametrize("ratio", [0.0, 1.0])
@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("follow", [False, True])
def test_who_decides_what_is_traced(ratio: float, sampled: bool, follow: bool) -> None:
    sampler = sampler_of(TracesConfig(sampling_ratio=ratio, follow_callers=follow))
    result = sampler.should_sample(remote_parent(sampled=sampled), TRACE_ID, "call")  # type: ignore[arg-type]
    assert (result.decision is Decision.RECORD_AND_SAMPLE) == (sampled if follow else ratio == 1.0)
    alone = sampler.should_sample(None, TRACE_ID, "call")
    assert (alone.decision is Decision.RECORD_AND_SAMPLE) == (ratio == 1.0)


async def test_certificates_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    config = TracesConfig(endpoint="127.0.0.1:4317", ca_file=tmp_path / "none.pem")
    with pytest.raises(ConfigurationError, match=r"telemetry\.traces\.ca_file"):
        async with exporting_traces(config, "one"):
            pass
