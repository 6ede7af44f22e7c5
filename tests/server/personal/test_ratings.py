"""Tests of the collaborative signal: what is fitted, from how many ratings on, and that it is forgotten."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import pytest
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.user_events import Rating, UserEventStore
from gistwire_server.config import RatingsConfig
from gistwire_server.personal.ratings import Collaboration, fit_ratings
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.personal.conftest import NOW

CONFIG = RatingsConfig(min_users=10, factors=2, time_to_live_s=60)


def two_camps(users: int = 20, articles: int = 12, seed: int = 1) -> list[Rating]:
    """Even users like even articles and dislike odd ones, odd users the other way round; each rates two thirds."""
    chance = random.Random(seed)
    return [
        Rating(f"u{user}", f"a{place}", 0.9 if user % 2 == place % 2 else 0.1, NOW)
        for user in range(users)
        for place in range(articles)
        if chance.random() < 2 / 3
    ]


def test_what_users_alike_rate_well_is_predicted() -> None:
    ratings = two_camps()
    model = fit_ratings(ratings, CONFIG)
    assert model is not None
    rated = {each.article_id for each in ratings if each.user_id == "u0"}
    new = [f"a{place}" for place in range(12) if f"a{place}" not in rated]
    predicted = model.predict("u0", new)
    liked = [value for article_id, value in predicted.items() if int(article_id[1:]) % 2 == 0]
    disliked = [value for article_id, value in predicted.items() if int(article_id[1:]) % 2 == 1]
    assert min(liked) > max(disliked)
    assert all(int(article_id[1:]) % 2 == 0 for article_id in model.best("u0", limit=3))


def test_where_all_are_of_one_mind_that_is_what_is_predicted() -> None:
    model = fit_ratings(
        [Rating(f"u{user}", f"a{place}", 1.0, NOW) for user in range(12) for place in range(6)], CONFIG
    )
    assert model is not None
    assert list(model.predict("u0", ["a0", "a5"]).values()) == pytest.approx([1.0, 1.0])


def test_who_and_what_is_not_known_has_no_prediction() -> None:
    model = fit_ratings(two_camps(), CONFIG)
    assert model is not None
    assert model.predict("stranger", ["a0"]) == {}
    assert model.best("stranger", limit=3) == []
    assert model.predict("u0", ["unrated", "a0"]).keys() == {"a0"}


@pytest.mark.parametrize(
    "config",
    [
        RatingsConfig(min_users=21),
        RatingsConfig(min_users=10, min_ratings_of_user=13),
        RatingsConfig(min_users=10, min_ratings_of_article=21),
    ],
)
def test_too_few_ratings_say_nothing(config: RatingsConfig) -> None:
    assert fit_ratings(two_camps(), config) is None
    assert fit_ratings([], config) is None


RATINGS = st.dictionaries(st.tuples(st.integers(0, 8), st.integers(0, 8)), st.floats(0, 1), max_size=60).map(
    lambda drawn: [Rating(f"u{user}", f"a{item}", value, NOW) for (user, item), value in drawn.items()]
)


@given(ratings=RATINGS, chance=st.randoms())
@settings(max_examples=50)
def test_predictions_are_ratings_and_do_not_depend_on_the_order(
    ratings: list[Rating], chance: random.Random
) -> None:
    config = RatingsConfig(min_users=2, min_ratings_of_user=2, min_ratings_of_article=2, factors=3)
    model = fit_ratings(ratings, config)
    chance.shuffle(ratings)
    again = fit_ratings(ratings, config)
    assert (model is None) == (again is None)
    if model is None or again is None:
        return
    for user in model.users:
        predicted = model.predict(user, model.articles)
        assert predicted.keys() == model.articles.keys()
        assert all(0 <= value <= 1 for value in predicted.values())
        assert again.predict(user, model.articles) == pytest.approx(predicted)


@dataclass
class RatingsStore:
    """Gives ratings, and counts how often it is asked."""

    given: Sequence[Rating] = field(default_factory=two_camps)
    asked: int = 0
    gate: asyncio.Event | None = None
    failure: Exception | None = None

    async def ratings(self, since: datetime, *, limit: int) -> list[Rating]:
        assert since < NOW + timedelta(days=365)
        assert limit == CONFIG.max_ratings
        self.asked += 1
        given = list(self.given)
        if self.failure is not None:
            raise self.failure
        if self.gate is not None:
            await self.gate.wait()
        return given


def store(ratings_store: RatingsStore) -> UserEventStore:
    return cast(UserEventStore, ratings_store)


async def test_a_model_is_kept_for_a_while_and_computed_once_for_all_who_wait() -> None:
    now_s = 0.0
    ratings = RatingsStore()
    collaboration = Collaboration(clock=lambda: now_s)
    first, second = await asyncio.gather(
        collaboration.model(store(ratings), CONFIG), collaboration.model(store(ratings), CONFIG)
    )
    assert first is second is not None
    now_s = 59.0
    assert await collaboration.model(store(ratings), CONFIG) is first
    assert ratings.asked == 1
    now_s = 60.0
    assert await collaboration.model(store(ratings), CONFIG) is first
    async with asyncio.timeout(10):
        while await collaboration.model(store(ratings), CONFIG) is first:
            await asyncio.sleep(0)
    assert ratings.asked == 2


async def test_a_call_that_gives_up_leaves_the_model_to_the_next() -> None:
    ratings = RatingsStore(gate=asyncio.Event())
    collaboration = Collaboration()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await collaboration.model(store(ratings), CONFIG)
    assert ratings.gate is not None
    ratings.gate.set()
    assert await collaboration.model(store(ratings), CONFIG) is not None
    assert ratings.asked == 1


async def test_a_store_that_fails_is_asked_again() -> None:
    ratings = RatingsStore(failure=IndexUnavailableError("down"))
    collaboration = Collaboration()
    with pytest.raises(IndexUnavailableError):
        await collaboration.model(store(ratings), CONFIG)
    ratings.failure = None
    assert await collaboration.model(store(ratings), CONFIG) is not None


async def test_a_forgotten_user_has_no_part_in_any_model() -> None:
    ratings = RatingsStore()
    collaboration = Collaboration()
    before = await collaboration.model(store(ratings), CONFIG)
    assert before is not None
    assert "u0" in before.users
    ratings.given = [each for each in ratings.given if each.user_id != "u0"]
    collaboration.forget("u0")
    after = await collaboration.model(store(ratings), CONFIG)
    assert after is not None
    assert "u0" not in after.users


async def test_a_model_under_way_when_a_user_is_forgotten_is_not_kept() -> None:
    ratings = RatingsStore(gate=asyncio.Event())
    collaboration = Collaboration()
    fitting = asyncio.create_task(collaboration.model(store(ratings), CONFIG))
    while not ratings.asked:
        await asyncio.sleep(0)
    ratings.given = [each for each in ratings.given if each.user_id != "u0"]
    collaboration.forget("u0")
    assert ratings.gate is not None
    ratings.gate.set()
    assert await fitting is None
    model = await collaboration.model(store(ratings), CONFIG)
    assert model is not None
    assert "u0" not in model.users
