"""Tests of `TritonSummarizer`: what it asks, what it tells, and which model wrote."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import ModelUnavailableError, SummaryNotWrittenError
from gistwire_models.summarizer import (
    Candidate,
    Candidates,
    DraftDelta,
    EarlyCandidates,
    FinishReason,
    Origin,
)

from tests.models.summarizer_contract import make_request, summarize
from tests.models.triton.engines import make_summarizer, settings_for, until
from tests.models.triton.fake_triton import MODEL, FakeTriton


async def test_gives_what_the_model_wrote(servers: list[FakeTriton], closing: Callable[[Any], Any]) -> None:
    summarizer = closing(make_summarizer(settings_for(servers)))
    draft, found = await summarize(summarizer, make_request(candidates=3))
    assert draft == "Oil rose."
    candidate = Candidate("Oil rose.", Origin.GENERATED, False, FinishReason.COMPLETE, -0.5)
    assert found == Candidates((candidate,), model=ModelVersion(*MODEL))
    assert servers[0].candidates + servers[1].candidates == [3]


async def test_tells_the_draft_as_a_candidate_before_the_others(closing: Callable[[Any], Any]) -> None:
    async with FakeTriton.running() as server:
        server.gate.clear()
        events = closing(make_summarizer(settings_for([server]))).summarize(make_request(candidates=2))
        *deltas, early = [await anext(events) for _ in range(3)]
        assert deltas == [DraftDelta("Oil"), DraftDelta(" rose.")]
        candidate = Candidate("Oil rose.", Origin.GENERATED, False, FinishReason.COMPLETE, -0.5)
        assert early == EarlyCandidates((candidate,), model=ModelVersion(*MODEL))
        server.gate.set()
        assert [event async for event in events] == [Candidates((candidate,), model=ModelVersion(*MODEL))]


async def test_a_server_of_old_tells_all_candidates_at_the_end(closing: Callable[[Any], Any]) -> None:
    async with FakeTriton.running() as server:
        server.tells_early = False
        summarizer = closing(make_summarizer(settings_for([server])))
        events = [event async for event in summarizer.summarize(make_request(candidates=2))]
        assert [type(event) for event in events] == [DraftDelta, DraftDelta, Candidates]


async def test_follows_the_model_that_the_server_promotes(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    server = servers[0]
    summarizer = closing(make_summarizer(settings_for([server])))
    assert summarizer.model == ModelVersion("unknown", "0")
    for version in ("1", "2", "1"):
        server.model = ("fake-summarizer", version)
        _, found = await summarize(summarizer, make_request())
        assert found.model == summarizer.model == ModelVersion("fake-summarizer", version)


async def test_follows_the_model_of_candidates_that_come_early(closing: Callable[[Any], Any]) -> None:
    async with FakeTriton.running() as server:
        summarizer = closing(make_summarizer(settings_for([server])))
        server.gate.clear()
        server.model = ("fake-summarizer", "2")
        events = summarizer.summarize(make_request(candidates=2, stream_drafts=False))
        assert isinstance(await anext(events), EarlyCandidates)
        assert summarizer.model == ModelVersion("fake-summarizer", "2")
        await events.aclose()


async def test_asks_who_it_is_and_what_it_writes(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    summarizer = closing(make_summarizer(settings_for(servers)))
    assert summarizer.languages == ("en",)
    await summarizer.describe()
    assert summarizer.model == ModelVersion(*MODEL)
    assert summarizer.languages == ("en", "de")
    assert servers[0].candidates + servers[1].candidates == []


async def test_a_server_that_comes_later_is_asked_then_without_an_article(
    closing: Callable[[Any], Any],
) -> None:
    async with FakeTriton.running() as server:
        await server.kill()
        summarizer = closing(make_summarizer(settings_for([server])))
        with pytest.raises(ModelUnavailableError):
            await summarizer.describe()
        assert summarizer.languages == ("en",)
        await server.start()
        await until(lambda: summarizer.languages == ("en", "de"))
        assert summarizer.model == ModelVersion(*MODEL)


async def test_a_version_that_was_not_known_is_asked_what_it_writes_once(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    server = servers[0]
    summarizer = closing(make_summarizer(settings_for([server])))
    await summarizer.describe()
    for _ in range(3):
        await summarize(summarizer, make_request())
    assert server.descriptions == 1
    server.model, server.languages = ("fake-summarizer", "2"), ["en", "zh"]
    await summarize(summarizer, make_request())
    await until(lambda: summarizer.languages == ("en", "zh"))
    # Back again, it is known.
    server.model = MODEL
    await summarize(summarizer, make_request())
    assert summarizer.languages == ("en", "de")
    assert server.descriptions == 2


async def test_servers_of_several_versions_are_all_asked(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    new = servers[1]
    new.model, new.languages = ("fake-summarizer", "2"), ["zh"]
    summarizer = closing(make_summarizer(settings_for(servers)))
    await summarizer.describe()
    await summarize(summarizer, make_request())
    await until(lambda: summarizer.languages == ("zh",))
    written = set()
    for _ in range(4):
        await summarize(summarizer, make_request())
        written.add((str(summarizer.model), summarizer.languages))
    assert written == {("fake-encoder@1", ("en", "de")), ("fake-summarizer@2", ("zh",))}


async def test_what_nobody_writes_for_is_asked_now_and_then(
    servers: list[FakeTriton], closing: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = servers[0]
    summarizer = closing(make_summarizer(settings_for([server])))
    monkeypatch.setattr("gistwire_models.triton.summarizer._DESCRIBE_EVERY_S", 0.01)
    await summarizer.describe()
    # By configuration alone, which changes no version.
    server.languages = ["en", "zh"]
    await until(lambda: summarizer.languages == ("en", "zh"))
    await server.kill()
    server.languages = ["fr"]
    await server.start()
    await until(lambda: summarizer.languages == ("fr",))


async def test_once_closed_nobody_is_asked_any_more(servers: list[FakeTriton]) -> None:
    def asking() -> bool:
        return any("_keep_asking" in str(task.get_coro()) for task in asyncio.all_tasks())

    summarizer = make_summarizer(settings_for(servers))
    await summarizer.describe()
    assert asking()
    await summarizer.close()
    assert not asking()
    await summarizer.close()


async def test_the_server_is_told_how_long_it_has(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    server = servers[0]
    summarizer = closing(make_summarizer(settings_for([server])))
    await summarize(summarizer, replace(make_request(), timeout_s=50))
    await summarize(summarizer, make_request())
    told, untold = server.deadlines_s
    assert told is not None
    # gRPC rounds what it sends.
    assert 0 < told < 60
    assert untold is None


async def test_a_server_that_gives_nothing_is_left(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    server = servers[0]
    summarizer = closing(make_summarizer(settings_for([server], timeout_s=0.01)))
    server.gate.clear()
    with pytest.raises(ModelUnavailableError, match=r"gave nothing for 0\.01 s"):
        await summarize(summarizer, make_request())


async def test_no_body_is_refused_before_a_server_is_asked(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    summarizer = closing(make_summarizer(settings_for(servers)))
    with pytest.raises(ValueError, match="article a1 has no body"):
        await summarize(summarizer, make_request(body=" \n"))
    assert servers[0].streams + servers[1].streams == 0


async def test_what_the_model_refuses_is_the_callers_error(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    for server in servers:
        server.message = "INVALID: candidates must be from 1 to 8, not 9"
    summarizer = closing(make_summarizer(settings_for(servers, open_after_failures=1)))
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^candidates must be from 1 to 8, not 9$"):
            await summarize(summarizer, make_request(candidates=9))
    # Neither tried elsewhere nor held against the server.
    assert servers[0].streams + servers[1].streams == 3


async def test_a_model_without_a_version_is_refused(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    servers[0].model = ("fake-summarizer",)  # type: ignore[assignment]
    summarizer = closing(make_summarizer(settings_for(servers[:1])))
    with pytest.raises(ModelUnavailableError, match="did not say which model wrote"):
        await summarize(summarizer, make_request())


async def test_a_callers_little_time_is_not_held_against_the_server(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    for server in servers:
        server.gate.clear()
    summarizer = closing(make_summarizer(settings_for(servers, open_after_failures=1)))
    for _ in range(3):
        with pytest.raises(ModelUnavailableError, match="DEADLINE_EXCEEDED"):
            await summarize(summarizer, replace(make_request(stream_drafts=False), timeout_s=0.05))
    # Nor is another server asked when the time is over.
    assert servers[0].streams + servers[1].streams <= 3
    assert servers[0].probes + servers[1].probes == 0


async def test_an_article_that_no_word_was_written_of_is_no_failure_of_its_server(
    closing: Callable[[Any], Any],
) -> None:
    async with FakeTriton.running() as server:
        server.message = "UNWRITTEN: the model wrote no word of the article"
        summarizer = closing(make_summarizer(settings_for([server], open_after_failures=2)))
        for _ in range(3):
            with pytest.raises(SummaryNotWrittenError, match="the model wrote no word of the article"):
                await summarize(summarizer, make_request())
        assert server.streams == 3
        assert set(summarizer.endpoint_states().values()) == {"closed"}
