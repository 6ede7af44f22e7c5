"""Tests of what becomes of bytes that are no message, and of times that are none, over real gRPC."""

from typing import Any, cast

import grpc
import pytest
from gistwire.v1 import article_pb2, article_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.server.services.conftest import Service

_NO_MESSAGE = b"\x0a\x05secret"
"""A field that is longer than the message."""


@pytest.mark.parametrize(
    "path",
    [
        "/gistwire.v1.SearchService/Search",
        "/gistwire.v1.SearchService/StreamSearch",
        "/gistwire.v1.ArticleService/GetArticle",
        "/gistwire.v1.UserEventService/PurgeUser",
    ],
)
async def test_bytes_that_are_no_message_are_refused_without_being_repeated(
    service: Service, path: str
) -> None:
    answers: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = service.channel.unary_stream(path)
    await _check_refusal(answers(_NO_MESSAGE))


async def test_a_stream_of_requests_refuses_them_too(service: Service) -> None:
    streams: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = service.channel.stream_stream(
        "/gistwire.v1.ArticleService/StreamIngest"
    )
    await _check_refusal(streams(iter([_NO_MESSAGE])))


async def _check_refusal(
    call: "grpc.aio.StreamStreamCall[Any, Any] | grpc.aio.UnaryStreamCall[Any, Any]",
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in call:
            pass
    status = rpc_status.from_call(cast("grpc.Call", refused.value))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    reason = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(reason)
    assert reason.reason == "MALFORMED_REQUEST"
    assert "secret" not in str(refused.value.details())


@pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63), 253_402_300_800])
async def test_an_article_whose_time_is_none_is_refused_and_those_beside_it_are_not(
    service: Service, seconds: int
) -> None:
    requests = [
        article_pb2.StreamIngestRequest(
            sequence=1, upsert=article_pb2.Article(id="n1", headline="Quay closes")
        ),
        article_pb2.StreamIngestRequest(sequence=2, upsert=_article_of(seconds)),
        article_pb2.StreamIngestRequest(
            sequence=3, upsert=article_pb2.Article(id="n3", headline="Crane falls")
        ),
    ]
    stub = article_pb2_grpc.ArticleServiceStub(service.channel)
    acknowledgements = {
        response.acknowledgement.sequence: response.acknowledgement
        async for response in stub.StreamIngest(iter(requests))
        if response.HasField("acknowledgement")
    }
    outcome = article_pb2.IngestAcknowledgement
    assert acknowledgements[1].outcome == acknowledgements[3].outcome == outcome.CREATED
    assert acknowledgements[2].outcome == outcome.REJECTED
    assert "published" in acknowledgements[2].status.message


async def test_a_batch_of_nothing_but_such_articles_is_refused(service: Service) -> None:
    request = article_pb2.StreamIngestRequest(sequence=1, upsert=_article_of(2**62))
    stub = article_pb2_grpc.ArticleServiceStub(service.channel)
    kinds = [response.WhichOneof("event") async for response in stub.StreamIngest(iter([request]))]
    assert kinds == ["flow", "acknowledgement", "completed"]


def _article_of(seconds: int) -> article_pb2.Article:
    return article_pb2.Article(id="n2", headline="Quay opens", published=Timestamp(seconds=seconds))
