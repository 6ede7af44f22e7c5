"""Tests of `FirstWords`, and of the searches that have them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
import pytest
from gistwire.v1 import events_pb2
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.scripted import SummaryScript
from gistwire_models.summarizer import Candidate, Origin
from gistwire_server.engines import Engines
from gistwire_server.first_words import FirstWords
from gistwire_server.pipeline import search_events
from gistwire_server.plan import SearchPlan, SummaryMode

from tests.server.conftest import Bench
from tests.server.test_prepared_articles import indexed_article

HOURS = 10_000.0


async def settled(*tasks: "asyncio.Task[None]") -> list[bool]:
    """Which of these are done when all that can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [each.done() for each in tasks]


async def test_all_but_the_first_wait_until_something_can_be_read() -> None:
    first_words = FirstWords(2)
    turns = [asyncio.create_task(first_words.turn(HOURS)) for _ in range(4)]
    assert await settled(*turns) == [True, True, False, False]
    first_words.come()
    assert await settled(*turns) == [True] * 4
    await first_words.turn(HOURS)


async def test_none_waits_where_none_has_to() -> None:
    first_words = FirstWords(None)
    turns = [asyncio.create_task(first_words.turn(HOURS)) for _ in range(3)]
    assert await settled(*turns) == [True] * 3


async def test_who_has_waited_for_long_enough_goes_on() -> None:
    await FirstWords(0).turn(0.001)


async def test_whoever_leaves_waits_no_more() -> None:
    turn = asyncio.create_task(FirstWords(0).turn(HOURS))
    assert await settled(turn) == [False]
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn


async def ranked(bench: Bench) -> list[str]:
    """The articles that the bench's plan finds, best first."""
    plan = bench.summarizing(mode=SummaryMode.NONE)
    found = [event async for event in search_events(plan, bench.engines, request_id="r")]
    return [hit.article.id for event in found if isinstance(event, events_pb2.Hits) for hit in event.hits]


def on_two_threads(bench: Bench, **config: object) -> Engines:
    """The bench's engines with a model that writes on two threads."""
    changed = msgspec.structs.replace(bench.engines.config, summarizer_threads=2, **config)
    return replace(bench.engines, config=changed)


@asynccontextmanager
async def searching(engines: Engines, plan: SearchPlan) -> AsyncIterator[None]:
    """Has a search under way that has all the time it wants."""

    async def search() -> None:
        async for _ in search_events(replace(plan, deadline_s=HOURS), engines, request_id="r"):
            pass

    task = asyncio.create_task(search())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def asked_for(bench: Bench, engines: Engines, at_least: int) -> list[str]:
    """The articles that summaries are asked for, once these are as many and no other is being made ready."""
    async with asyncio.timeout(30):
        while len(bench.summarizer.requests) < at_least:
            await asyncio.sleep(0)
    # Articles are made ready in turn: after this one there is no other.
    await engines.prepared.prepare(indexed_article("Last", article_id="last"))
    await settled()
    return [request.article_id for request in bench.summarizer.requests]


def held(articles: list[str], **first: object) -> dict[str, SummaryScript]:
    """Scripts by which nothing is written, but of the first what is said."""
    never = asyncio.Event()
    scripts = {each: SummaryScript(gate=never) for each in articles}
    return scripts | {articles[0]: SummaryScript(end_gate=never, **first)}  # type: ignore[arg-type]


async def test_articles_are_made_ready_once_the_best_have_a_word(bench: Bench) -> None:
    articles, gate, engines = await ranked(bench), asyncio.Event(), on_two_threads(bench)
    bench.summarizer.scripts = held(articles, deltas=["word"], gate=gate)
    async with searching(engines, bench.plan):
        assert await asked_for(bench, engines, 2) == articles[:2]
        gate.set()
        assert await asked_for(bench, engines, 5) == articles


async def test_the_end_of_one_of_the_best_is_as_good(bench: Bench) -> None:
    articles, gate, engines = await ranked(bench), asyncio.Event(), on_two_threads(bench)
    broken = SummaryScript(failure=ModelUnavailableError("gone"), gate=gate)
    bench.summarizer.scripts = held(articles) | {articles[0]: broken}
    async with searching(engines, bench.plan):
        assert await asked_for(bench, engines, 2) == articles[:2]
        gate.set()
        assert await asked_for(bench, engines, 5) == articles


async def test_where_nothing_is_generated_of_the_best_none_waits(bench: Bench) -> None:
    articles, engines = await ranked(bench), on_two_threads(bench)
    untrue = Candidate("It began on Friday with 900 crews.", Origin.GENERATED)
    extract = Candidate("Crews met near the old quay.", Origin.EXTRACTED, query_focused=True)
    bench.summarizer.scripts = dict.fromkeys(articles, SummaryScript(candidates=[untrue, extract]))
    # Of the best two it is known then that what a model writes is not worth storing.
    async for _ in search_events(replace(bench.plan, top_k=2), engines, request_id="r"):
        pass
    bench.summarizer.requests.clear()
    bench.summarizer.scripts = held(articles, gate=asyncio.Event())
    async with searching(engines, bench.plan):
        assert await asked_for(bench, engines, 5) == articles


@pytest.mark.parametrize(
    ("streams", "models"),
    [(False, "local"), (True, "triton")],
)
async def test_where_no_draft_is_read_or_the_model_is_elsewhere_none_waits(
    bench: Bench, *, streams: bool, models: str
) -> None:
    articles, engines = await ranked(bench), on_two_threads(bench, models=models)
    bench.summarizer.scripts = held(articles, gate=asyncio.Event())
    async with searching(engines, bench.summarizing(stream_drafts=streams)):
        assert await asked_for(bench, engines, 5) == articles
