"""Tests of windows: what takes part, and that a kept window follows the index."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.filter import Filter, parse_filter
from gistwire_indexer.index import IndexedArticle
from gistwire_server.topics import windows as module
from gistwire_server.topics.plan import TopicsPlan
from gistwire_server.topics.windows import StoryWindows

from tests.server.conftest import Bench
from tests.server.topics.news import ALONE, CLOCKS, NOON, STRIKE, report, write

PLAN = TopicsPlan(filter=None, window_s=86_400, until=None, max_topics=10, digests=False, deadline_s=30)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def story_sets(read: module.WindowStories) -> set[frozenset[str]]:
    return {frozenset(story.article_ids) for story in read.stories if len(story.article_ids) > 1}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def windows(clock: Clock) -> StoryWindows:
    # Articles of the test are indexed in the real present, which is before the clock's.
    return StoryWindows(timedelta(days=3_650), clock)


async def test_only_articles_of_the_window_take_part(bench: Bench, windows: StoryWindows) -> None:
    await write(bench, *STRIKE, *CLOCKS, *ALONE)
    read = await windows.read(PLAN, bench.engines)
    assert set(read.articles) == {"s1", "s2", "s3", "c1", "c2", "x1"}
    assert story_sets(read) == {frozenset({"s1", "s2", "s3"}), frozenset({"c1", "c2"})}
    assert (read.since, read.until) == (NOON - timedelta(days=1), NOON)
    assert not read.is_truncated


async def test_the_filter_and_another_end_apply(bench: Bench, windows: StoryWindows) -> None:
    await write(bench, *STRIKE, *CLOCKS, *ALONE)
    filtered = replace(PLAN, filter=parse_filter("source = Dispatch"))
    assert set((await windows.read(filtered, bench.engines)).articles) == {"s2", "c2"}
    earlier = replace(PLAN, until=NOON - timedelta(hours=19, minutes=30), window_s=4 * 3_600)
    assert set((await windows.read(earlier, bench.engines)).articles) == {"s1", "c1", "c2"}


async def test_an_article_without_a_date_takes_part_by_when_it_was_indexed(bench: Bench) -> None:
    await write(bench, report("undated", "No date here", "Nothing says when this was written."))
    present = StoryWindows(timedelta(seconds=60))
    assert "undated" in (await present.read(PLAN, bench.engines)).articles


async def test_a_kept_window_follows_the_index(
    bench: Bench, windows: StoryWindows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(bench, *STRIKE[:1], *CLOCKS)
    await windows.read(PLAN, bench.engines)

    def refuse(filter: Filter | None = None) -> AsyncGenerator[IndexedArticle, None]:  # noqa: A002
        raise AssertionError("a kept window is not read as a whole again")

    monkeypatch.setattr(bench.index, "scan", refuse)
    await write(bench, *STRIKE[1:])
    assert story_sets(await windows.read(PLAN, bench.engines)) == {
        frozenset({"s1", "s2", "s3"}),
        frozenset({"c1", "c2"}),
    }
    await bench.index.delete(["s3"])
    clock.now = NOON + timedelta(hours=2, minutes=30)
    # The first of the clocks is more than a day old now.
    assert story_sets(await windows.read(PLAN, bench.engines)) == {frozenset({"s1", "s2"})}
    await write(bench, replace(STRIKE[0], body="Altogether other words, of gardens and roses, were printed."))
    assert "s1" in (await windows.read(PLAN, bench.engines)).articles


async def test_an_article_of_the_future_takes_part_when_its_time_comes(
    bench: Bench, windows: StoryWindows, clock: Clock
) -> None:
    await write(bench, report("later", "Embargoed", "For release tomorrow.", hours=-5))
    assert "later" not in (await windows.read(PLAN, bench.engines)).articles
    clock.now = NOON + timedelta(hours=6)
    assert "later" in (await windows.read(PLAN, bench.engines)).articles


async def test_too_many_articles_leave_the_oldest_out(
    bench: Bench, windows: StoryWindows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WINDOW_ARTICLES", 2)
    await write(bench, *STRIKE, *CLOCKS)
    read = await windows.read(PLAN, bench.engines)
    assert set(read.articles) == {"s2", "s3"}
    assert read.is_truncated
    # Once those that were left out are too old for the window, nothing is missing in it.
    clock.now = NOON + timedelta(hours=20)
    assert not (await windows.read(PLAN, bench.engines)).is_truncated


async def test_a_failed_reading_leaves_nothing_behind(
    bench: Bench, windows: StoryWindows, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(bench, *STRIKE)
    await windows.read(PLAN, bench.engines)

    async def unavailable(ids: list[str]) -> list[str | None]:
        raise IndexUnavailableError("down")

    with monkeypatch.context() as patch:
        patch.setattr(bench.index, "revisions", unavailable)
        with pytest.raises(IndexUnavailableError):
            await windows.read(PLAN, bench.engines)
    assert len((await windows.read(PLAN, bench.engines)).articles) == 3


async def test_who_stops_waiting_does_not_spoil_it_for_others(
    bench: Bench, windows: StoryWindows, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(bench, *STRIKE)
    entered, gate = asyncio.Event(), asyncio.Event()
    scan = bench.index.scan

    async def slow(filter: Filter | None = None) -> AsyncGenerator[IndexedArticle, None]:  # noqa: A002
        entered.set()
        await gate.wait()
        async for each in scan(filter):
            yield each

    monkeypatch.setattr(bench.index, "scan", slow)
    first = asyncio.create_task(windows.read(PLAN, bench.engines))
    await entered.wait()
    second = asyncio.create_task(windows.read(PLAN, bench.engines))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.set()
    assert len((await second).articles) == 3


async def test_windows_of_tenants_are_apart(bench: Bench, windows: StoryWindows) -> None:
    await write(bench, *STRIKE)
    assert (await windows.read(PLAN, bench.engines)).articles
    other = replace(bench.engines, tenant="other")
    await bench.index.delete(["s1", "s2", "s3"])
    assert not (await windows.read(PLAN, other)).articles
