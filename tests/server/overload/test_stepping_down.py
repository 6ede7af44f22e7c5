"""Tests of what calls cost and of what is given up of them, and that their streams say so."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from gistwire.v1 import events_pb2
from gistwire_server.article_summaries import GivenArticles, summarize_events
from gistwire_server.digests.plan import DigestPlan
from gistwire_server.overload.place import Place
from gistwire_server.overload.quality_step import QualityStep
from gistwire_server.overload.stepping_down import (
    costs_of_digest,
    costs_of_search,
    costs_of_topics,
    search_at,
    stepped_down,
    topics_stepped_down,
)
from gistwire_server.pipeline import search_events
from gistwire_server.plan import SearchPlan, SummaryMode, SummaryPlan
from gistwire_server.topics.plan import TopicsPlan
from hypothesis import given
from hypothesis import strategies as st

from tests.server.conftest import PLAN, Bench
from tests.server.overload.clock import Clock

BEST = replace(PLAN, top_k=10, summary=SummaryPlan(SummaryMode.BEST, 3, 64, stream_drafts=True))
TOPICS = TopicsPlan(None, 3_600.0, None, 10, digests=True, deadline_s=10.0)


def mode_of(plan: SearchPlan, mode: SummaryMode) -> SearchPlan:
    return replace(plan, summary=replace(plan.summary, mode=mode))


def test_a_default_search_costs_one() -> None:
    assert costs_of_search(BEST).full == pytest.approx(1.0)


@given(
    top_k=st.integers(1, 100),
    candidates=st.integers(1, 8),
    mode=st.sampled_from(SummaryMode),
    more=st.integers(1, 50),
)
def test_no_step_costs_more_than_the_one_before_and_more_hits_cost_more(
    top_k: int, candidates: int, mode: SummaryMode, more: int
) -> None:
    plan = replace(BEST, top_k=top_k, summary=SummaryPlan(mode, candidates, 64, stream_drafts=True))
    costs = [costs_of_search(plan).at(step) for step in QualityStep]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] > 0
    assert costs_of_search(replace(plan, top_k=top_k + more)).full >= costs[0]


def test_extracts_cost_a_quarter_of_what_is_written() -> None:
    costs = costs_of_search(BEST)
    assert costs.extract <= 0.25 * costs.full
    assert costs.extract < costs.fast <= costs.one_candidate < 0.5 * costs.full


@pytest.mark.parametrize(
    ("step", "mode", "candidates", "action"),
    [
        (QualityStep.FULL, SummaryMode.BEST, 3, None),
        (QualityStep.ONE_CANDIDATE, SummaryMode.BEST, 1, events_pb2.Degraded.ONE_CANDIDATE),
        (QualityStep.FAST, SummaryMode.FAST, 1, events_pb2.Degraded.ONE_CANDIDATE),
        (QualityStep.EXTRACT, SummaryMode.STORED, 1, events_pb2.Degraded.EXTRACT),
    ],
)
def test_each_step_gives_up_a_little_more(
    step: QualityStep, mode: SummaryMode, candidates: int, action: int | None
) -> None:
    plan = stepped_down(BEST, step)
    assert (plan.summary.mode, plan.summary.candidates, plan.given_up) == (mode, candidates, action)


@pytest.mark.parametrize("mode", [SummaryMode.NONE, SummaryMode.STORED])
def test_what_writes_nothing_has_nothing_to_give_up(mode: SummaryMode) -> None:
    plan = mode_of(BEST, mode)
    assert all(stepped_down(plan, step) is plan for step in QualityStep)


def test_a_fast_search_gives_up_writing_alone() -> None:
    plan = mode_of(BEST, SummaryMode.FAST)
    assert stepped_down(plan, QualityStep.ONE_CANDIDATE) is plan
    assert stepped_down(plan, QualityStep.FAST) is plan
    assert stepped_down(plan, QualityStep.EXTRACT).given_up == events_pb2.Degraded.EXTRACT


def test_topics_give_up_their_digests() -> None:
    assert topics_stepped_down(TOPICS, QualityStep.FAST) is TOPICS
    bare = topics_stepped_down(TOPICS, QualityStep.EXTRACT)
    assert (bare.digests, bare.given_up) == (False, events_pb2.Degraded.NO_DIGEST)
    costs = costs_of_topics(TOPICS)
    assert costs.extract < costs.fast == costs.full
    assert costs_of_topics(bare).full == costs.extract


def test_a_digest_costs_less_than_a_search_and_always_the_same() -> None:
    costs = costs_of_digest(DigestPlan(("a",), None, "", None, 10, 5, 10.0))
    assert 0 < costs.extract == costs.full < 1


def test_the_plan_of_a_call_that_waited_has_the_time_that_is_left() -> None:
    clock = Clock()
    place = Place(clock, clock.now - 4.0, QualityStep.EXTRACT, cost=0.1, in_use=1.0)
    plan = search_at(replace(BEST, deadline_s=10.0), place)
    assert plan.deadline_s == pytest.approx(6.0)
    assert plan.summary.mode is SummaryMode.STORED


async def collected(events: AsyncIterator[Any]) -> list[Any]:
    return [event async for event in events]


def overloads(events: list[Any]) -> list[events_pb2.Degraded]:
    return [
        event
        for event in events
        if isinstance(event, events_pb2.Degraded) and event.reason == events_pb2.Degraded.OVERLOAD
    ]


@pytest.mark.parametrize("step", list(QualityStep))
async def test_a_search_says_what_it_does_without(bench: Bench, step: QualityStep) -> None:
    events = await collected(search_events(stepped_down(PLAN, step), bench.engines, request_id="r"))
    said = overloads(events)
    assert len(said) == (step is not QualityStep.FULL)
    assert all(each.stage == events_pb2.StageTime.SUMMARIZE and not each.hit_ids for each in said)
    assert isinstance(events[0], events_pb2.Started)
    assert events[-1].degraded_count == len(said)
    assert (not bench.summarizer.requests) is (step is QualityStep.EXTRACT)
    assert all(request.candidates == 1 for request in bench.summarizer.requests) or not said


async def test_summaries_say_what_they_do_without(bench: Bench) -> None:
    plan = stepped_down(PLAN, QualityStep.EXTRACT)
    given_articles = GivenArticles(("a0", "a1"), ())
    events = await collected(summarize_events(plan, given_articles, bench.engines, request_id="r"))
    assert [each.action for each in overloads(events)] == [events_pb2.Degraded.EXTRACT]
    assert events[-1].degraded_count == 1
    assert not bench.summarizer.requests
