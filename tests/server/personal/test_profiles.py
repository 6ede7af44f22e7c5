"""Tests of profiles, and of searches that take one into account."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from gistwire.v1 import events_pb2
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.user_events import EventKind
from gistwire_models.errors import ModelUnavailableError
from gistwire_server.errors import UserNotFoundError
from gistwire_server.personal.profiles import forget_user, read_profile
from gistwire_server.pipeline import SearchEvent, search_events
from gistwire_server.plan import SummaryMode

from tests.server.personal.conftest import NOW, PLAN, SUBJECTS, Newsroom, clicked, did
from tests.server.personal.test_ratings import two_camps
from tests.server.protocol import check_protocol, of_kind

SEARCH = replace(
    PLAN.search, query="report0 note0", top_k=24, summary=replace(PLAN.search.summary, mode=SummaryMode.NONE)
)


async def search(newsroom: Newsroom, **changes: object) -> list[SearchEvent]:
    plan = replace(SEARCH, **changes)  # type: ignore[arg-type]
    events = [event async for event in search_events(plan, newsroom.engines, request_id="search")]
    check_protocol(events)
    return events


def interest_signals(events: list[SearchEvent]) -> dict[str, float]:
    hits = of_kind(events, events_pb2.Hits)[0].hits
    return {hit.article.id: hit.signals.interest for hit in hits if hit.signals.HasField("interest")}


async def test_a_profile_holds_history_interests_and_tags(newsroom: Newsroom) -> None:
    await newsroom.users.write(
        [*clicked("ferry-0", "ferry-1", days_ago=2), did(EventKind.VIEW, "chess-0", days_ago=1)]
    )
    await newsroom.users.set_tags("reader", ["comet orbit"])
    profile = await read_profile(newsroom.engines, "reader")
    assert (profile.user_id, profile.tags, profile.event_count) == ("reader", ("comet orbit",), 3)
    assert profile.latest_event == NOW - timedelta(days=1)
    assert [each.article_id for each in profile.history] == ["chess-0", "ferry-0", "ferry-1"]
    tag, cluster = profile.interests if profile.interests[0].tag else profile.interests[::-1]
    assert tag.tag == "comet orbit"
    assert {each.indexed.article.id for each in cluster.articles} == {"ferry-0", "ferry-1"}
    assert any(word in SUBJECTS["ferry"] for word in " ".join(cluster.keywords).split())
    assert tag.weight + cluster.weight == pytest.approx(1.0)


async def test_nothing_is_known_of_a_stranger(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-0", user="another"))
    with pytest.raises(UserNotFoundError) as refused:
        await read_profile(newsroom.engines, "reader")
    assert "reader" not in str(refused.value)


async def test_deleted_articles_leave_the_interests(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-0", "chess-0"))
    await newsroom.index.delete(["ferry-0"])
    (interest,) = (await read_profile(newsroom.engines, "reader")).interests
    assert interest.medoid is not None
    assert interest.medoid.article.id == "chess-0"


async def test_a_profile_can_be_read_without_an_encoder(newsroom: Newsroom) -> None:
    await newsroom.users.set_tags("reader", ["comet"])
    newsroom.encoder.failure = ModelUnavailableError("down")
    (interest,) = (await read_profile(newsroom.engines, "reader")).interests
    assert (interest.tag, interest.weight, interest.centre) == ("comet", 1.0, None)


async def test_forgetting_a_user_drops_what_their_ratings_have_a_part_in(newsroom: Newsroom) -> None:
    ratings = [
        did(EventKind.RATE_ARTICLE, each.article_id, user=each.user_id, rating=each.value)
        for each in two_camps(users=60)
    ]
    await newsroom.users.write(ratings)
    config = newsroom.engines.config.personal.ratings
    model = await newsroom.engines.collaboration.model(newsroom.users, config)
    assert model is not None
    assert "u7" in model.users
    await newsroom.users.purge("u7")
    forget_user(newsroom.engines, "u7")
    model = await newsroom.engines.collaboration.model(newsroom.users, config)
    assert model is not None
    assert "u7" not in model.users


async def test_a_search_for_a_user_knows_what_interests_them(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-3", "ferry-4"))
    events = await search(newsroom)
    assert not of_kind(events, events_pb2.Degraded)
    closeness = interest_signals(events)
    assert len(closeness) == 24
    ferries = [value for article_id, value in closeness.items() if article_id.startswith("ferry")]
    others = [value for article_id, value in closeness.items() if not article_id.startswith("ferry")]
    assert min(ferries) > max(others)
    ranked = of_kind(events, events_pb2.Ranking)[-1].order
    assert ranked[0].article_id == "ferry-0"
    stages = {each.stage for each in of_kind(events, events_pb2.Completed)[0].stages}
    assert events_pb2.StageTime.PERSONALIZE in stages


async def test_a_search_for_a_stranger_is_anybodys_and_not_degraded(newsroom: Newsroom) -> None:
    events = await search(newsroom, user_id="stranger")
    assert not of_kind(events, events_pb2.Degraded)
    assert interest_signals(events) == {}


async def test_stated_interests_count_beside_the_profile(newsroom: Newsroom) -> None:
    await newsroom.users.write(clicked("ferry-3"))
    closeness = interest_signals(await search(newsroom, interests=("comet telescope orbit astronomer tail",)))
    for subject in ("ferry", "comet"):
        assert closeness[f"{subject}-1"] > closeness["bread-1"]


async def test_a_profile_that_cannot_be_read_is_told(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise IndexUnavailableError("down")

    monkeypatch.setattr(newsroom.users, "history", fail)
    (degraded,) = of_kind(await search(newsroom), events_pb2.Degraded)
    assert degraded.action == events_pb2.Degraded.NOT_PERSONALIZED
    assert degraded.reason == events_pb2.Degraded.BACKEND_DOWN


async def test_a_profile_that_takes_too_long_is_done_without(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(newsroom.users, "history", hang)
    (degraded,) = of_kind(await search(newsroom, deadline_s=0.5), events_pb2.Degraded)
    assert degraded.reason == events_pb2.Degraded.DEADLINE
