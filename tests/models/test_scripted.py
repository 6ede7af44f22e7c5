"""Tests of the scripted encoder and summarizer: the contracts, and that they do as they are told."""

import asyncio

import numpy as np
import pytest
from gistwire_models.encoder import Priority, TextEncoder
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer, SummaryScript
from gistwire_models.summarizer import Candidate, Candidates, DraftDelta, Origin, Summarizer

from tests.models.summarizer_contract import SummarizerContract, make_request, summarize
from tests.models.text_encoder_contract import TextEncoderContract


class TestEncoderContract(TextEncoderContract):
    @pytest.fixture
    def encoder(self) -> TextEncoder:
        return ScriptedEncoder()


class TestSummarizerContract(SummarizerContract):
    @pytest.fixture
    def summarizer(self) -> Summarizer:
        return ScriptedSummarizer()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_embeddings_are_the_same_in_every_process() -> None:
    embedding = (await ScriptedEncoder(dimension=8).encode(["Oil oil war"]))[0]
    expected = np.zeros(8)
    # Places of the hashes of "oil" and "war".
    expected[5], expected[1] = 2, 1
    np.testing.assert_allclose(embedding, expected / np.sqrt(5), atol=1e-6)


async def test_the_encoder_records_what_it_was_asked() -> None:
    encoder = ScriptedEncoder()
    await encoder.encode(["a", "b"], priority=Priority.QUERY)
    await encoder.encode(["c"])
    assert encoder.encoded == ["a", "b", "c"]
    assert encoder.priorities == [Priority.QUERY, Priority.INGEST]


async def test_the_encoder_fails_while_told_to() -> None:
    encoder = ScriptedEncoder()
    encoder.failure = ModelUnavailableError("down")
    with pytest.raises(ModelUnavailableError, match="down"):
        await encoder.encode(["a"])
    encoder.failure = None
    assert len(await encoder.encode(["a"])) == 1


async def test_the_encoder_waits_for_its_gate() -> None:
    encoder = ScriptedEncoder()
    encoder.gate.clear()
    call = asyncio.create_task(encoder.encode(["a"]))
    await settle()
    assert not call.done()
    encoder.gate.set()
    assert len(await call) == 1


async def test_closing_ends_calls_that_wait() -> None:
    encoder = ScriptedEncoder()
    encoder.gate.clear()
    summarizer = ScriptedSummarizer({"a1": SummaryScript(gate=asyncio.Event())})
    calls = [
        asyncio.ensure_future(encoder.encode(["a"])),
        asyncio.ensure_future(summarize(summarizer, make_request())),
    ]
    await settle()
    await encoder.close()
    await summarizer.close()
    assert [type(result) for result in await asyncio.gather(*calls, return_exceptions=True)] == [
        ModelUnavailableError
    ] * 2
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_summarizer_follows_its_script() -> None:
    given = Candidate("Given.", Origin.GENERATED)
    summarizer = ScriptedSummarizer({"a1": SummaryScript(deltas=["Gi", "ven."], candidates=[given, given])})
    events = [event async for event in summarizer.summarize(make_request(candidates=1))]
    assert events == [DraftDelta("Gi"), DraftDelta("ven."), Candidates((given,))]
    assert summarizer.finished == ["a1"]
    assert [request.article_id for request in summarizer.requests] == ["a1"]


async def test_the_summarizer_fails_after_its_deltas() -> None:
    summarizer = ScriptedSummarizer({"a1": SummaryScript(deltas=["half"], failure=RuntimeError("told to"))})
    events = summarizer.summarize(make_request())
    assert await anext(events) == DraftDelta("half")
    with pytest.raises(RuntimeError, match="told to"):
        await anext(events)
    assert (summarizer.finished, summarizer.cancelled) == ([], [])


async def test_the_summarizer_waits_for_its_gates_and_records_cancelling() -> None:
    gate, end_gate = asyncio.Event(), asyncio.Event()
    summarizer = ScriptedSummarizer({"a1": SummaryScript(deltas=["x"], gate=gate, end_gate=end_gate)})
    events = summarizer.summarize(make_request())
    first = asyncio.ensure_future(anext(events))
    await settle()
    assert not first.done()
    gate.set()
    assert await first == DraftDelta("x")
    second = asyncio.ensure_future(anext(events))
    await settle()
    assert not second.done()
    second.cancel()
    await asyncio.wait([second])
    assert second.cancelled()
    assert summarizer.cancelled == ["a1"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
