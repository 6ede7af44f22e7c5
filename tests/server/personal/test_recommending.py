"""Tests of recommendations from the user's events to the stream, on the embedded index and store."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from gistwire.v1 import events_pb2, recommendation_pb2
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.filter import parse_filter
from gistwire_indexer.user_events import EventKind, UserEvent
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.scripted import SummaryScript
from gistwire_server.personal.recommending import RecommendationEvent, recommendation_events
from gistwire_server.pipeline import search_events
from gistwire_server.plan import SummaryMode
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.personal.conftest import (
    ARTICLES,
    NOW,
    PLAN,
    SUBJECTS,
    Newsroom,
    article,
    clicked,
    did,
    planning,
)
from tests.server.protocol import check_protocol, of_kind

Reasons = recommendation_pb2.RecommendationReasons


def check_recommendation(events: Sequence[RecommendationEvent]) -> None:
    """Asserts the rules of a search stream, and that the reasons follow the hits and name each once."""
    check_protocol([event for event in events if not isinstance(event, Reasons)])
    kinds = [type(event) for event in events]
    assert kinds.count(Reasons) == 1
    assert kinds.index(Reasons) == kinds.index(events_pb2.Hits) + 1
    reasons = of_kind(events, Reasons)[0]
    hits = of_kind(events, events_pb2.Hits)[0].hits
    assert [each.hit_id for each in reasons.reasons] == [hit.hit_id for hit in hits]
    named = {each.interest_id for each in reasons.reasons if each.interest_id}
    assert {each.interest_id for each in reasons.interests} == named
    exploring = sum(each.exploration for each in reasons.reasons)
    assert reasons.exploration == pytest.approx(exploring / len(hits) if hits else 0.0)


def recommended(events: Sequence[RecommendationEvent]) -> list[str]:
    return [hit.article.id for hit in of_kind(events, events_pb2.Hits)[0].hits]


def reasons(events: Sequence[RecommendationEvent]) -> dict[str, recommendation_pb2.RecommendationReason]:
    by_hit = {each.hit_id: each for each in of_kind(events, Reasons)[0].reasons}
    return {hit.article.id: by_hit[hit.hit_id] for hit in of_kind(events, events_pb2.Hits)[0].hits}


def subjects(article_ids: Sequence[str]) -> set[str]:
    return {each.partition("-")[0] for each in article_ids}


def degradations(events: Sequence[RecommendationEvent]) -> list[tuple[str, str, str]]:
    return [
        (
            events_pb2.StageTime.Stage.Name(each.stage),
            events_pb2.Degraded.Reason.Name(each.reason),
            events_pb2.Degraded.Action.Name(each.action),
        )
        for each in of_kind(events, events_pb2.Degraded)
    ]


async def test_each_interest_is_served_and_each_hit_says_which_article_it_comes_from(
    newsroom: Newsroom,
) -> None:
    await newsroom.users.write(clicked("ferry-0", "ferry-1", "chess-0", "chess-1"))
    events = await newsroom.recommend(planning(top_k=6))
    check_recommendation(events)
    assert subjects(recommended(events)) == {"ferry", "chess"}
    interests = {each.interest_id: each for each in of_kind(events, Reasons)[0].interests}
    for article_id, reason in reasons(events).items():
        subject = article_id.partition("-")[0]
        assert reason.history_article_id.startswith(subject)
        assert reason.history_headline == article(subject, int(reason.history_article_id[-1])).headline
        assert interests[reason.interest_id].medoid_article_id.startswith(subject)
        assert any(word in SUBJECTS[subject] for word in interests[reason.interest_id].keywords)
        assert not reason.exploration
        assert not reason.popular
    assert sum(each.weight for each in interests.values()) == pytest.approx(1.0)


async def test_the_stream_tells_plan_signals_stages_and_a_token(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-0", "ferry-1"))
    await newsroom.users.write(clicked("bread-2", user="another"))
    events = await newsroom.recommend()
    plan = of_kind(events, events_pb2.Started)[0].plan
    assert (plan.query, plan.top_k, plan.HasField("retrieval")) == ("", 5, False)
    assert plan.rank.weights.collaborative == pytest.approx(0.1)
    hits = of_kind(events, events_pb2.Hits)[0]
    assert hits.attribution_token
    first = hits.hits[0]
    assert first.signals.interest > 0.7
    assert first.signals.recency > 0.5
    assert not first.signals.HasField("fusion")
    assert first.extract
    stages = {
        events_pb2.StageTime.Stage.Name(each.stage)
        for each in of_kind(events, events_pb2.Completed)[0].stages
    }
    assert {"PERSONALIZE", "RETRIEVE", "SUMMARIZE"} <= stages


async def test_a_stored_summary_serves_recommendations_and_searches(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-0"))
    first = await newsroom.recommend(planning(top_k=2))
    assert of_kind(first, events_pb2.Completed)[0].stored_count == 0
    second = await newsroom.recommend(planning(top_k=2))
    assert of_kind(second, events_pb2.Completed)[0].stored_count == 2
    shown = recommended(first)
    plan = replace(PLAN.search, query="harbour ferry", user_id="", top_k=24)
    found = [event async for event in search_events(plan, newsroom.engines, request_id="search")]
    stored = {each.article_id for each in of_kind(found, events_pb2.Summary) if each.stored}
    assert stored == set(shown)


async def test_what_is_dismissed_or_rated_badly_is_no_interest(newsroom: Newsroom) -> None:
    await newsroom.users.write(
        [
            *clicked("ferry-0", "ferry-1", "bread-0"),
            did(EventKind.DISMISS, "bread-0", days_ago=0.5),
            did(EventKind.RATE_ARTICLE, "comet-0", rating=0.1),
        ]
    )
    events = await newsroom.recommend(planning(top_k=4))
    assert subjects(recommended(events)) == {"ferry"}


KINDS = st.sampled_from([kind for kind in EventKind if kind is not EventKind.VIEW])
EVENTS = st.lists(
    st.builds(
        lambda kind, place, days, rating: did(
            kind,
            ARTICLES[place].id,
            days_ago=days,
            rating=rating if kind in (EventKind.RATE_ARTICLE, EventKind.RATE_SUMMARY) else None,
        ),
        KINDS,
        st.integers(0, len(ARTICLES) - 1),
        st.floats(0, 100).map(lambda days: round(days, 2)),
        st.floats(0, 1),
    ),
    max_size=20,
)


@given(events=EVENTS, exploration=st.floats(0, 1), top_k=st.integers(1, 30))
@settings(max_examples=30)
async def test_what_was_read_rated_or_dismissed_never_returns(
    newsroom: Newsroom, events: list[UserEvent], exploration: float, top_k: int
) -> None:
    await newsroom.users.purge("reader")
    await newsroom.users.write(events)
    stream = await newsroom.recommend(planning(top_k=top_k, exploration=exploration))
    check_recommendation(stream)
    hits = recommended(stream)
    settled = {each.article_id for each in events}
    assert not settled & set(hits)
    assert len(set(hits)) == len(hits)
    assert len(hits) <= top_k


async def test_what_was_only_shown_may_return(newsroom: Newsroom) -> None:
    await newsroom.users.write([*clicked("ferry-0"), did(EventKind.VIEW, "ferry-1")])
    assert "ferry-1" in recommended(await newsroom.recommend())


@pytest.mark.parametrize("read", ["copy-1", "ferry-1"])
async def test_near_duplicates_of_what_was_read_do_not_return_either(newsroom: Newsroom, read: str) -> None:
    copies = [replace(article("ferry", 1), id=f"copy-{number}") for number in (1, 2)]
    await newsroom.add(copies, duplicate_of="ferry-1")
    await newsroom.users.write(clicked(read))
    hits = recommended(await newsroom.recommend(planning(top_k=30)))
    assert not {"copy-1", "copy-2", "ferry-1"} & set(hits)


async def test_near_duplicates_collapse_under_the_best(newsroom: Newsroom) -> None:
    copy = replace(article("ferry", 1), id="copy")
    await newsroom.add([copy], duplicate_of="ferry-1")
    await newsroom.users.write(clicked("ferry-0"))
    events = await newsroom.recommend(planning(top_k=30))
    collapsed = {hit.article.id: list(hit.duplicate_ids) for hit in of_kind(events, events_pb2.Hits)[0].hits}
    assert collapsed.get("copy") == ["ferry-1"] or collapsed.get("ferry-1") == ["copy"]
    assert {"copy", "ferry-1"} - collapsed.keys()


async def test_the_filter_holds_for_every_source_of_candidates(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-0", "chess-2"))
    await newsroom.users.write(clicked("bread-2", "bread-4", user="another"))
    plan = planning(top_k=30, exploration=0.5, filter=parse_filter('source = "Meridian Wire"'))
    hits = of_kind(await newsroom.recommend(plan), events_pb2.Hits)[0].hits
    assert hits
    assert {hit.article.source for hit in hits} == {"Meridian Wire"}


async def test_tags_alone_are_enough(newsroom: Newsroom) -> None:
    await newsroom.users.set_tags("reader", ["comet telescope orbit"])
    events = await newsroom.recommend(planning(top_k=4))
    assert subjects(recommended(events)) == {"comet"}
    (interest,) = of_kind(events, Reasons)[0].interests
    assert (interest.tag, interest.weight) == ("comet telescope orbit", 1.0)
    for reason in reasons(events).values():
        assert reason.interest_id == interest.interest_id
        assert not reason.history_article_id


async def test_a_user_who_is_not_known_gets_what_is_popular_and_fresh(newsroom: Newsroom) -> None:
    await newsroom.users.write([event for user in "abc" for event in clicked("bread-5", user=user)])
    await newsroom.users.write(clicked("comet-5", user="a"))
    events = await newsroom.recommend(planning(top_k=4))
    check_recommendation(events)
    assert degradations(events) == []
    assert recommended(events)[:2] == ["bread-5", "comet-5"]
    assert {each.rpartition("-")[2] for each in recommended(events)[2:]} == {"0"}
    why = reasons(events)
    assert why["bread-5"].popular
    assert not any(why[each].popular for each in recommended(events)[2:])
    assert not of_kind(events, Reasons)[0].interests


async def test_the_exploration_share_is_from_outside_the_interests_and_visible(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-0", "ferry-1"))
    events = await newsroom.recommend(planning(top_k=4, exploration=0.5))
    check_recommendation(events)
    explored = [each for each, reason in reasons(events).items() if reason.exploration]
    assert len(explored) == 2
    assert "ferry" not in subjects(explored)
    assert subjects([each for each in recommended(events) if each not in explored]) == {"ferry"}
    assert of_kind(events, Reasons)[0].exploration == pytest.approx(0.5)
    assert recommended(await newsroom.recommend(planning(top_k=4, exploration=0.5))) == recommended(events)


async def test_nothing_but_exploration(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-0"))
    events = await newsroom.recommend(planning(top_k=5, exploration=1.0))
    assert all(reason.exploration for reason in reasons(events).values())
    assert "ferry" not in subjects(recommended(events))


async def test_without_an_encoder_a_history_still_counts_and_tags_do_not(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-0"))
    newsroom.encoder.failure = ModelUnavailableError("down")
    assert degradations(await newsroom.recommend(planning(summary=no_summaries()))) == []
    await newsroom.users.set_tags("reader", ["comet"])
    events = await newsroom.recommend(planning(top_k=3, summary=no_summaries()))
    check_recommendation(events)
    assert subjects(recommended(events)) == {"ferry"}
    assert degradations(events) == [("PERSONALIZE", "BACKEND_DOWN", "NOT_PERSONALIZED")]


async def test_without_the_store_everybody_gets_what_is_fresh(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise IndexUnavailableError("down")

    for method in ("history", "popularity", "ratings"):
        monkeypatch.setattr(newsroom.users, method, fail)
    events = await newsroom.recommend(planning(top_k=4))
    check_recommendation(events)
    assert degradations(events) == [("PERSONALIZE", "BACKEND_DOWN", "NOT_PERSONALIZED")]
    assert {each.rpartition("-")[2] for each in recommended(events)} <= {"0", "1"}


async def test_a_store_that_hangs_costs_a_share_of_the_time(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(newsroom.users, "history", hang)
    events = await newsroom.recommend(planning(deadline_s=0.5, summary=no_summaries()))
    check_recommendation(events)
    assert degradations(events) == [("PERSONALIZE", "DEADLINE", "NOT_PERSONALIZED")]
    assert recommended(events)


async def test_without_the_index_there_is_no_recommendation(newsroom: Newsroom) -> None:
    await newsroom.index.close()
    with pytest.raises(IndexUnavailableError):
        await newsroom.recommend()


async def test_leaving_the_stream_ends_the_summaries(newsroom: Newsroom) -> None:
    gate = asyncio.Event()
    newsroom.summarizer.scripts = {each.id: SummaryScript(gate=gate) for each in ARTICLES}
    async with aclosing(recommendation_events(PLAN, newsroom.engines, request_id="r", now=NOW)) as events:
        async for event in events:
            if isinstance(event, Reasons):
                break
        begin = asyncio.ensure_future(anext(events))
        while not newsroom.summarizer.requests:
            await asyncio.sleep(0)
        begin.cancel()
        await asyncio.gather(begin, return_exceptions=True)
    assert len(newsroom.summarizer.cancelled) == len(newsroom.summarizer.requests)


async def test_an_empty_index_has_nothing_to_recommend(newsroom: Newsroom) -> None:
    await newsroom.index.delete([each.id for each in ARTICLES])
    events = await newsroom.recommend()
    check_recommendation(events)
    assert recommended(events) == []


def no_summaries() -> object:
    return replace(PLAN.search.summary, mode=SummaryMode.NONE)
