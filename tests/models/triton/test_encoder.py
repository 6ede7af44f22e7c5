"""Tests of `TritonEncoder`: what it asks, and which vectors it takes."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import msgspec
import numpy as np
import pytest
from gistwire.triton.v1 import inference_pb2
from gistwire_models.encoder import ModelVersion, Priority
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.triton import TritonEncoder, TritonSettings
from gistwire_models.triton.endpoints import Endpoint

from tests.models.triton.engines import DESCRIPTION, make_encoder, query, settings_for, until
from tests.models.triton.fake_triton import DIMENSION, MODEL, FakeTriton


async def test_many_texts_are_several_requests_in_order(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    encoder = closing(make_encoder(settings_for(servers)))
    texts = [f"text {number}" for number in range(150)]
    embeddings = await encoder.encode(texts, priority=Priority.SUMMARY)
    assert sorted(servers[0].sizes + servers[1].sizes) == [22, 64, 64]
    assert servers[0].priorities + servers[1].priorities == [2, 2, 2]
    for number in (0, 63, 64, 149):
        np.testing.assert_array_equal(embeddings[number], (await encoder.encode([texts[number]]))[0])


async def test_few_requests_of_texts_that_nobody_waits_for_are_under_way(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    server = servers[0]
    encoder = closing(make_encoder(settings_for([server])))
    server.gate.clear()
    ingesting = asyncio.create_task(encoder.encode(["oil"] * 64 * 10))
    await until(lambda: server.infers == 4)
    # A reader's text does not wait behind them, and shows that the fifth of them had time to come.
    reading = asyncio.create_task(query(encoder))
    await until(lambda: server.infers == 5)
    server.gate.set()
    await reading
    assert (await ingesting).shape == (640, DIMENSION)
    assert server.at_once == 5
    assert server.priorities.count(3) == 10


async def test_the_server_is_told_how_long_it_has(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    encoder = closing(make_encoder(settings_for(servers[:1], timeout_s=50)))
    await query(encoder)
    (left_s,) = servers[0].deadlines_s
    assert left_s is not None
    # gRPC rounds what it sends.
    assert 0 < left_s < 60


async def test_a_reader_waits_less_long_than_nobody(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    server = servers[0]
    encoder = closing(make_encoder(settings_for([server], reader_timeout_s=0.01)))
    server.gate.clear()
    ingesting = asyncio.create_task(encoder.encode(["oil"]))
    with pytest.raises(ModelUnavailableError, match=r"gave no vectors within 0\.01 s"):
        await query(encoder)
    server.gate.set()
    assert (await ingesting).shape == (1, DIMENSION)


async def test_the_answer_of_a_repeat_counts_and_the_slow_one_is_not_heard(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    encoder = closing(make_encoder(settings_for(servers, hedge_after_s=0)))
    slow, fast = servers
    slow.gate.clear()
    await query(encoder)
    assert fast.infers == 1
    # Nor is the slow one blamed once its answer fails.
    slow.status = grpc.StatusCode.INTERNAL
    slow.gate.set()
    await until(lambda: not encoder._asking)
    assert slow.probes == 0


async def test_an_answer_is_taken_where_the_other_fails_at_the_same_moment(
    servers: list[FakeTriton], closing: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(servers, hedge_after_s=0, hedge_share=1, open_after_failures=1_000)
    encoder = closing(make_encoder(settings))
    infer = Endpoint.infer
    asked = 0
    both = asyncio.Event()

    async def infer_together(
        endpoint: Endpoint, request: inference_pb2.ModelInferRequest, *, timeout_s: float
    ) -> inference_pb2.ModelInferResponse:
        nonlocal asked
        response = await infer(endpoint, request, timeout_s=timeout_s)
        asked += 1
        if asked % 2:
            await both.wait()
            raise grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, grpc.aio.Metadata(), grpc.aio.Metadata())
        both.set()
        return response

    monkeypatch.setattr(Endpoint, "infer", infer_together)
    # Which of two that ended is looked at first is chance.
    for _ in range(20):
        both.clear()
        await query(encoder)
    assert asked == 40


async def test_texts_longer_than_the_model_reads_are_cut(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    encoder = closing(make_encoder(settings_for(servers, max_message_bytes=100_000)))
    assert (await encoder.encode(["news " * 100_000])).shape == (1, DIMENSION)


@pytest.mark.parametrize("scale", [0.5, float("nan")])
async def test_vectors_that_are_no_unit_vectors_are_refused(
    servers: list[FakeTriton], closing: Callable[[Any], Any], scale: float
) -> None:
    servers[0].scale = scale
    with pytest.raises(ModelUnavailableError, match="no unit vectors"):
        await query(closing(make_encoder(settings_for(servers[:1]))))


async def test_vectors_of_another_length_are_refused(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    longer = msgspec.structs.replace(DESCRIPTION, dimension=DIMENSION + 1)
    encoder = closing(TritonEncoder(settings_for(servers[:1]), longer, len))
    with pytest.raises(ModelUnavailableError, match=r"gave vectors of \(1, 64\)"):
        await encoder.encode(["oil"])


async def test_says_what_was_expected(closing: Callable[[Any], Any]) -> None:
    encoder = closing(make_encoder(TritonSettings()))
    assert encoder.model == ModelVersion(*MODEL)
    assert encoder.dimension == DIMENSION
    assert encoder.count_tokens("four") == 4
