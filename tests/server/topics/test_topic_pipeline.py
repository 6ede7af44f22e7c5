"""Tests of the events of a stream of topics: order, content, digests, deadlines and what is degraded."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from gistwire.v1 import events_pb2, topic_pb2
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.index import IndexedArticle
from gistwire_server.budget import Step
from gistwire_server.topics import windows as windows_module
from gistwire_server.topics.topic_pipeline import TopicEvent, topic_events
from gistwire_server.topics.windows import StoryWindows

from tests.server.conftest import Bench
from tests.server.topics.news import ALONE, CLOCKS, NOON, STRIKE, write
from tests.server.topics.test_windows import PLAN

WITH_DIGESTS = replace(PLAN, digests=True)


def stream(bench: Bench, **changes: Any) -> AsyncGenerator[TopicEvent, None]:
    windows = StoryWindows(timedelta(days=3_650), lambda: NOON)
    return topic_events(replace(WITH_DIGESTS, **changes), bench.engines, windows, request_id="r1")


async def collect(bench: Bench, **changes: Any) -> list[TopicEvent]:
    async with aclosing(stream(bench, **changes)) as events:
        return [event async for event in events]


@pytest.fixture
async def news(bench: Bench) -> Bench:
    await write(bench, *STRIKE, *CLOCKS, *ALONE)
    return bench


async def test_topics_come_by_size_and_momentum_and_then_their_digests(news: Bench) -> None:
    events = await collect(news)
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["Started", "Topic", "Topic", "TopicDigest", "TopicDigest", "Completed"]
    topics = [event for event in events if isinstance(event, topic_pb2.Topic)]
    assert [topic.topic_id for topic in topics] == ["s1", "c1"]
    strike, clocks = topics
    assert (strike.article_count, len(strike.articles)) == (3, 3)
    assert strike.momentum == pytest.approx(4 * 2 / 3)
    assert clocks.momentum == 0
    assert sum(strike.timeline) == 3
    assert "strike" in " ".join(strike.keywords).casefold()
    digested = {event.topic_id: event.digest for event in events if isinstance(event, topic_pb2.TopicDigest)}
    assert digested.keys() == {"s1", "c1"}
    ids = {citation.article_id for each in digested["s1"].sentences for citation in each.citations}
    assert ids <= {"s1", "s2", "s3"}
    completed = events[-1]
    assert isinstance(completed, events_pb2.Completed)
    assert completed.hit_count == 2
    stages = {each.stage for each in completed.stages}
    assert {events_pb2.StageTime.CLUSTER, events_pb2.StageTime.DIGEST} <= stages


async def test_without_digests_none_are_written(news: Bench) -> None:
    news.encoder.encoded.clear()
    kinds = [type(event).__name__ for event in await collect(news, digests=False)]
    assert kinds == ["Started", "Topic", "Topic", "Completed"]
    assert not news.encoder.encoded


async def test_no_more_topics_than_asked_for(news: Bench) -> None:
    events = await collect(news, max_topics=1, digests=False)
    assert [event.topic_id for event in events if isinstance(event, topic_pb2.Topic)] == ["s1"]


async def test_an_empty_window_has_no_topics(bench: Bench) -> None:
    kinds = [type(event).__name__ for event in await collect(bench)]
    assert kinds == ["Started", "Completed"]


async def test_the_category_is_the_publishers_where_the_classifier_is_for_another_encoder(
    news: Bench,
) -> None:
    started, topic, *_ = await collect(news)
    assert isinstance(started, events_pb2.Started)
    assert "classifier" not in {model.role for model in started.models}
    assert isinstance(topic, topic_pb2.Topic)
    assert topic.category == "local"


async def test_digests_that_time_does_not_allow_are_named_once(news: Bench) -> None:
    news.engines.costs.record(Step.DIGEST, 1_000_000)
    events = await collect(news)
    degraded = [event for event in events if isinstance(event, events_pb2.Degraded)]
    assert [(each.stage, each.reason, each.action) for each in degraded] == [
        (events_pb2.StageTime.DIGEST, events_pb2.Degraded.DEADLINE, events_pb2.Degraded.NO_DIGEST)
    ]
    assert not any(isinstance(event, topic_pb2.TopicDigest) for event in events)
    completed = events[-1]
    assert isinstance(completed, events_pb2.Completed)
    assert completed.degraded_count == 1


async def test_an_index_that_goes_away_after_the_topics_costs_only_the_digests(
    news: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(ids: list[str]) -> list[IndexedArticle | None]:
        raise IndexUnavailableError("down")

    monkeypatch.setattr(news.index, "get", unavailable)
    events = await collect(news)
    assert [type(event).__name__ for event in events] == [
        "Started",
        "Topic",
        "Topic",
        "Degraded",
        "Completed",
    ]


async def test_too_many_articles_are_said(news: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_module, "MAX_WINDOW_ARTICLES", 3)
    events = await collect(news, digests=False)
    degraded = events[1]
    assert isinstance(degraded, events_pb2.Degraded)
    assert degraded.reason == events_pb2.Degraded.TOO_MANY_ARTICLES
    assert degraded.action == events_pb2.Degraded.NEWEST_ARTICLES


async def test_a_window_that_takes_too_long_is_a_deadline(news: Bench) -> None:
    with pytest.raises(TimeoutError):
        await collect(news, deadline_s=0.0)


async def test_who_leaves_stops_the_digests(news: Bench) -> None:
    news.encoder.gate.clear()
    async with aclosing(stream(news)) as events:
        async for event in events:
            if isinstance(event, topic_pb2.Topic) and event.topic_id == "c1":
                break
    news.encoder.gate.set()
    assert not news.encoder.encoded[len(STRIKE) + len(CLOCKS) + len(ALONE) :]
