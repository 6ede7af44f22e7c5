"""Tests of the Triton engines over several servers that do as they are told."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
import structlog
from gistwire_models.circuit_breaker import BreakerState
from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import ModelOverloadedError, ModelUnavailableError
from gistwire_models.summarizer import Candidates, DraftDelta, EarlyCandidates
from gistwire_models.triton import TritonSettings

from tests.backends.ports import free_port
from tests.models.summarizer_contract import make_request, summarize
from tests.models.triton.engines import make_encoder, make_summarizer, query, settings_for, until
from tests.models.triton.fake_triton import MODEL, FakeTriton


async def test_requests_go_round(servers: list[FakeTriton], closing: Callable[[Any], Any]) -> None:
    encoder = closing(make_encoder(settings_for(servers)))
    for _ in range(6):
        await query(encoder)
    assert [server.infers for server in servers] == [3, 3]
    assert servers[0].priorities == [1, 1, 1]


async def test_a_failure_is_made_good_by_another_server_which_then_gets_all(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    ill, well = servers
    ill.status, ill.ready = grpc.StatusCode.UNAVAILABLE, False
    encoder = closing(make_encoder(settings_for(servers)))
    for _ in range(30):
        await query(encoder)
    # After five failures in a row it is only asked whether it is ready.
    assert ill.infers == 5
    assert well.infers == 30
    await until(lambda: ill.probes >= 2)
    ill.status, ill.ready = None, True
    probes = ill.probes
    await until(lambda: ill.probes > probes)
    # The first that it embeds is a trial, which no reader waits for.
    await until(lambda: ill.infers > 5)
    before = ill.infers
    for _ in range(200):
        await query(encoder)
        if ill.infers > before:
            break
    assert ill.infers > before


async def test_repeats_are_a_limited_share(servers: list[FakeTriton], closing: Callable[[Any], Any]) -> None:
    for server in servers:
        server.status = grpc.StatusCode.INTERNAL
    encoder = closing(make_encoder(settings_for(servers, open_after_failures=1_000, hedge_share=0.1)))
    for _ in range(100):
        with pytest.raises(ModelUnavailableError):
            await query(encoder)
    # Ten that were in hand, and a tenth of all.
    assert 115 <= sum(server.infers for server in servers) <= 121


async def test_no_server_is_an_error_at_once(closing: Callable[[Any], Any]) -> None:
    dead = TritonSettings(endpoints=(f"127.0.0.1:{free_port()}",), open_s=60, max_open_s=60)
    encoder = closing(make_encoder(dead))
    for _ in range(5):
        with pytest.raises(ModelUnavailableError, match="UNAVAILABLE"):
            await query(encoder)
    with pytest.raises(ModelUnavailableError, match="no Triton server is ready for encoder"):
        await query(encoder)


async def test_a_full_queue_is_no_illness(servers: list[FakeTriton], closing: Callable[[Any], Any]) -> None:
    for server in servers:
        server.status = grpc.StatusCode.RESOURCE_EXHAUSTED
        server.message = "OVERLOADED: 256 articles wait"
    encoder = closing(make_encoder(settings_for(servers)))
    summarizer = closing(make_summarizer(settings_for(servers)))
    for _ in range(20):
        with pytest.raises(ModelOverloadedError):
            await query(encoder)
    for server in servers:
        server.status = None
    for _ in range(20):
        with pytest.raises(ModelOverloadedError, match="256 articles wait"):
            await summarize(summarizer, make_request())
    assert sum(server.probes for server in servers) == 0


async def test_a_slow_server_is_hedged_for_readers_only(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    encoder = closing(make_encoder(settings_for(servers, hedge_after_s=0.001)))
    # Connections are made before one of them is slow.
    for _ in range(4):
        await query(encoder)
    slow, fast = servers
    slow.gate.clear()
    for _ in range(4):
        await query(encoder)
    ingesting = asyncio.create_task(encoder.encode(["oil"]))
    also_ingesting = asyncio.create_task(encoder.encode(["oil"]))
    await asyncio.wait([ingesting, also_ingesting], return_when=asyncio.FIRST_COMPLETED)
    assert ingesting.done() is not also_ingesting.done()
    infers = fast.infers
    slow.gate.set()
    await asyncio.gather(ingesting, also_ingesting)
    assert fast.infers == infers


async def test_an_article_is_tried_elsewhere_only_before_its_first_piece(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    summarizer = closing(make_summarizer(settings_for(servers)))
    for server in servers:
        server.breaks_after = 1
    events = summarizer.summarize(make_request())
    assert await anext(events) == DraftDelta("Oil")
    with pytest.raises(ModelUnavailableError, match="broke"):
        await anext(events)
    assert sum(server.streams for server in servers) == 1
    for server in servers:
        server.breaks_after = None
    servers[0].status = grpc.StatusCode.UNAVAILABLE
    for _ in range(4):
        draft, _ = await summarize(summarizer, make_request())
        assert draft == "Oil rose."
    assert summarizer.model == ModelVersion(*MODEL)


async def test_an_article_is_tried_elsewhere_after_candidates_that_came_early(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    summarizer = closing(make_summarizer(settings_for(servers)))
    for server in servers:
        server.gate.clear()
    events = summarizer.summarize(make_request(candidates=2, stream_drafts=False))
    assert isinstance(await anext(events), EarlyCandidates)
    (failing,) = [server for server in servers if server.streams]
    (other,) = [server for server in servers if not server.streams]
    failing.breaks_after, other.model = 2, ("fake-summarizer", "2")
    for server in servers:
        server.gate.set()
    # The other one tells its draft early, too.
    (last,) = [event async for event in events]
    assert isinstance(last, Candidates)
    assert last.model == ModelVersion("fake-summarizer", "2")
    assert [failing.streams, other.streams] == [1, 1]


async def test_an_article_whose_draft_was_streamed_is_not_tried_elsewhere_after_early_candidates(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    summarizer = closing(make_summarizer(settings_for(servers)))
    for server in servers:
        server.breaks_after = 2
        server.gate.clear()
    events = summarizer.summarize(make_request(candidates=2))
    told = [await anext(events) for _ in range(3)]
    assert [type(event) for event in told] == [DraftDelta, DraftDelta, EarlyCandidates]
    for server in servers:
        server.gate.set()
    with pytest.raises(ModelUnavailableError, match="broke"):
        await anext(events)
    assert sum(server.streams for server in servers) == 1


async def test_who_leaves_cancels_at_the_server(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    summarizer = closing(make_summarizer(settings_for(servers)))
    for server in servers:
        server.gate.clear()
    events = summarizer.summarize(make_request())
    await anext(events)
    await events.aclose()
    await until(lambda: sum(server.cancelled for server in servers) == 1)
    task = asyncio.create_task(summarize(summarizer, make_request()))
    await until(lambda: sum(server.streams for server in servers) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: sum(server.cancelled for server in servers) == 2)


async def test_nobodys_vectors_are_not_cancelled_at_the_server(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    encoder = closing(make_encoder(settings_for(servers[:1])))
    servers[0].gate.clear()
    task = asyncio.create_task(query(encoder))
    await until(lambda: servers[0].infers == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(encoder._asking) == 1
    servers[0].gate.set()
    await until(lambda: not encoder._asking)


async def test_a_server_with_another_encoder_is_left(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    servers[0].model = (MODEL[0], "2")
    encoder = closing(make_encoder(settings_for(servers)))
    for _ in range(10):
        await query(encoder)
    alone = closing(make_encoder(settings_for(servers[:1])))
    with pytest.raises(ModelUnavailableError, match="hosts the encoder fake-encoder@2, not fake-encoder@1"):
        await query(alone)


async def test_a_server_with_another_encoder_stays_out_until_it_has_the_right_one(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    other, right = servers
    other.model = (MODEL[0], "2")
    encoder = closing(make_encoder(settings_for(servers)))
    with structlog.testing.capture_logs() as log:
        for _ in range(30):
            await query(encoder)
        tried = other.probes + 5 * TritonSettings().channels
        # It says each time that it is ready.
        await until(lambda: other.probes >= tried)
        readers_texts = right.infers
        for _ in range(30):
            await query(encoder)
    assert right.infers == readers_texts + 30
    (unfit,) = [line for line in log if line["event"] == "triton_endpoint_unfit"]
    assert unfit["endpoint"] == other.target
    assert "hosts the encoder fake-encoder@2, not fake-encoder@1" in unfit["reason"]
    assert "triton_endpoint_returned" not in {line["event"] for line in log}

    other.model = MODEL
    with structlog.testing.capture_logs() as log:
        await until(lambda: any(line["event"] == "triton_endpoint_returned" for line in log))
    infers = other.infers
    for _ in range(4):
        await query(encoder)
    assert other.infers == infers + 2


async def test_a_server_that_refuses_the_trial_is_asked_again(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    server = servers[0]
    encoder = closing(make_encoder(settings_for([server], open_after_failures=1)))
    server.scale = 0.5
    with pytest.raises(ModelUnavailableError, match="no unit vectors"):
        await query(encoder)
    # Whatever it answers, and however often.
    for status in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL):
        server.status = status
        infers = server.infers
        await until(lambda infers=infers: server.infers >= infers + 3)  # type: ignore[misc]
        with pytest.raises(ModelUnavailableError, match="no Triton server is ready"):
            await query(encoder)
    server.status, server.scale = None, 1.0
    await until(lambda: encoder._pool._endpoints[0].breaker.state is BreakerState.CLOSED)
    await query(encoder)


async def test_closing_ends_what_waits(servers: list[FakeTriton]) -> None:
    for server in servers:
        server.gate.clear()
    encoder, summarizer = make_encoder(settings_for(servers)), make_summarizer(settings_for(servers))
    waiting = [
        asyncio.create_task(query(encoder)),
        asyncio.create_task(summarize(summarizer, make_request())),
    ]
    await until(lambda: sum(server.infers + server.streams for server in servers) == 2)
    await encoder.close()
    await summarizer.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ModelUnavailableError, ModelUnavailableError]
