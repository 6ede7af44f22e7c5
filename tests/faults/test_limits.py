"""Fault 7: requests beyond their limits: refused with the field's name, and nothing behind the server is asked."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import grpc
import pytest
from gistwire.v1 import article_pb2, search_pb2, search_pb2_grpc
from gistwire_server.config import LimitsConfig
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.conftest import Deployment, deployed
from tests.faults.tcp_relay import TcpRelay

_MAX_MESSAGE_BYTES = LimitsConfig().max_message_bytes
_LONG_QUERY = "h" * 10_000


async def test_what_is_too_large_is_refused_before_anything_is_asked(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with (
        TcpRelay.running(elasticsearch_server.url.removeprefix("http://")) as relay,
        deployed(f"http://{relay.target}", tmp_path) as deployment,
        # No limit of its own: it is the server's that is tested.
        grpc.aio.insecure_channel(
            deployment.target, options=[("grpc.max_send_message_length", -1)]
        ) as channel,
    ):
        async for _ in deployment.client.ingest([article_pb2.Article(id="a", headline="Harbour news")]):
            pass
        searching = search_pb2_grpc.SearchServiceStub(channel)
        # What opens a tenant's index for the first time is asked for by this one.
        assert (await searching.Search(search_pb2.SearchRequest(query="harbour"))).results
        asked = _asked(relay, deployment)

        largest = _request_of(_MAX_MESSAGE_BYTES)
        over = _request_of(_MAX_MESSAGE_BYTES + 1)
        refusals = 0
        for name in ("Search", "StreamSearch", "Watch"):
            path = f"/gistwire.v1.SearchService/{name}"
            # At the limit it is read, and its filter found too long.
            assert (await _refusal(channel, path, largest))[0] is grpc.StatusCode.INVALID_ARGUMENT
            assert (await _refusal(channel, path, over))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
            code, fields = await _refusal(
                channel, path, search_pb2.SearchRequest(query=_LONG_QUERY).SerializeToString()
            )
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert fields == ["query"]
            refusals += 3
        assert _asked(relay, deployment) == asked
        assert (await searching.Search(search_pb2.SearchRequest(query="harbour"))).results
        assert _asked(relay, deployment) != asked
    report_figure(
        f"fault 7: {_MAX_MESSAGE_BYTES + 1:,} bytes: RESOURCE_EXHAUSTED; a query of {len(_LONG_QUERY):,} characters: "
        f"INVALID_ARGUMENT naming query; {refusals} refusals over 3 rpcs, no byte from Elasticsearch, no text encoded"
    )


def _asked(relay: TcpRelay, deployment: Deployment) -> tuple[int, int, int]:
    """Bytes that Elasticsearch has sent, texts that were encoded, summaries that were begun."""
    sent = sum(relay.received_bytes.values())
    return sent, len(deployment.encoder.encoded), len(deployment.summarizer.requests)


def _request_of(size: int) -> bytes:
    """A search of so many bytes; all three rpcs have the same first fields."""
    request = search_pb2.SearchRequest(query="harbour", filter="x" * size)
    request.filter = "x" * (2 * size - request.ByteSize())
    assert request.ByteSize() == size
    return request.SerializeToString()


async def _refusal(channel: grpc.aio.Channel, path: str, data: bytes) -> tuple[grpc.StatusCode, list[str]]:
    """The status of a call, and the fields that it names."""
    search: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(path)
    call = search(data, timeout=30)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in call:
            pass
    status = rpc_status.from_call(cast("grpc.Call", refused.value))
    fields = error_details_pb2.BadRequest()
    for detail in () if status is None else status.details:
        detail.Unpack(fields)
    return refused.value.code(), [violation.field for violation in fields.field_violations]
