"""Tests of the choice among candidates: shares, exploration, collapse."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from gistwire_indexer.index import IndexedArticle
from gistwire_server.personal.candidates import Candidates
from gistwire_server.personal.closeness import InterestMatcher
from gistwire_server.personal.interests import Interest
from gistwire_server.personal.selection import Recommendation, choose
from gistwire_server.plan import RankPlan
from hypothesis import given
from hypothesis import strategies as st

from tests.server.personal.conftest import NOW, PLAN, article
from tests.server.personal.test_interests import unit

FERRY = Interest("ferry", 0.6, centre=unit(1, 0, 0, 0))
CHESS = Interest("chess", 0.4, centre=unit(0, 1, 0, 0))


def indexed(article_id: str, *direction: float, duplicate_of: str | None = None) -> IndexedArticle:
    subject, _, number = article_id.partition("-")
    return IndexedArticle(article(subject, int(number)), "r1", NOW, duplicate_of, embedding=unit(*direction))


POOL = (
    *(indexed(f"ferry-{place}", 1, 0, place / 50, 0) for place in range(6)),
    *(indexed(f"chess-{place}", 0, 0.5, 0, 0.7 + place / 50) for place in range(6)),
    *(indexed(f"comet-{place}", 0, 0, 1, place / 50) for place in range(6)),
)


def chosen(
    candidates: Sequence[IndexedArticle] = POOL,
    interests: Sequence[Interest] = (FERRY, CHESS),
    *,
    top_k: int = 6,
    exploration: float = 0.0,
    seed: int = 1,
    rank: RankPlan = PLAN.search.rank,
    popularity: dict[str, float] | None = None,
) -> list[Recommendation]:
    return choose(
        Candidates(tuple(candidates), popularity=popularity or {}),
        InterestMatcher.of(interests),
        rank,
        top_k=top_k,
        exploration=exploration,
        min_similarity=0.25,
        source_trust={},
        now=NOW,
        chance=random.Random(seed),
    )


def subjects(recommendations: Sequence[Recommendation]) -> list[str]:
    return [each.indexed.article.id.partition("-")[0] for each in recommendations]


@given(
    top_k=st.integers(1, 18),
    exploration=st.floats(0, 1),
    seed=st.integers(0, 1_000),
    size=st.integers(0, len(POOL)),
)
def test_the_share_of_exploration_is_kept_as_far_as_there_are_articles(
    top_k: int, exploration: float, seed: int, size: int
) -> None:
    pool = POOL[len(POOL) - size :]
    found = chosen(pool, top_k=top_k, exploration=exploration, seed=seed)
    assert found == chosen(pool[::-1], top_k=top_k, exploration=exploration, seed=seed)
    explored = [each for each in found if each.exploration]
    outside = min(size, 6)
    share = exploration * top_k
    assert min(math.floor(share), outside) <= len(explored) <= min(math.ceil(share), outside)
    assert set(subjects(explored)) <= {"comet"}
    assert all(each.interest is None for each in explored)
    assert len({each.indexed.article.id for each in found}) == len(found)
    assert len(found) <= min(top_k, size)
    assert [each.signals.hit_id for each in found] == [f"h{place}" for place in range(1, len(found) + 1)]


def test_chance_decides_about_what_is_not_a_whole_hit() -> None:
    counts = [
        sum(each.exploration for each in chosen(top_k=5, exploration=0.1, seed=seed)) for seed in range(200)
    ]
    assert set(counts) == {0, 1}
    assert 0.35 < sum(counts) / len(counts) < 0.65


def test_an_interest_with_a_share_of_a_hit_has_one_though_others_are_nearer() -> None:
    assert set(subjects(chosen(top_k=5))) == {"ferry", "chess"}
    light = [replace(FERRY, weight=0.9), replace(CHESS, weight=0.1)]
    assert set(subjects(chosen(interests=light, top_k=5))) == {"ferry"}


def test_what_is_popular_is_rather_shown_to_explore() -> None:
    popular = sum(
        chosen(exploration=0.2, top_k=5, seed=seed, popularity={"comet-5": 1.0})[-1].indexed.article.id
        == "comet-5"
        for seed in range(200)
    )
    assert popular > 200 / 6


def test_near_duplicates_collapse_unless_they_are_wanted_each() -> None:
    pool = [*POOL[:2], indexed("ferry-9", 1, 0, 0, 0, duplicate_of="ferry-0")]
    assert [each.duplicate_ids for each in chosen(pool)] == [("ferry-9",), ()]
    each_wanted = replace(PLAN.search.rank, collapse=False)
    assert len(chosen(pool, rank=each_wanted)) == 3


def test_a_reason_names_the_interest_of_an_article() -> None:
    reasons = {each.indexed.article.id: each.reason() for each in chosen(top_k=8, exploration=0.25)}
    assert reasons["ferry-0"].interest_id == "ferry"
    assert {reason.exploration for name, reason in reasons.items() if name.startswith("comet")} == {True}


@pytest.mark.parametrize(
    ("alike", "popularity", "expected"),
    [(True, 0.5, "collaborative"), (False, 0.5, "popular"), (False, None, "")],
)
def test_a_reason_without_an_interest(*, alike: bool, popularity: float | None, expected: str) -> None:
    (found,) = choose(
        Candidates(
            (POOL[-1],),
            popularity={} if popularity is None else {POOL[-1].article.id: popularity},
            alike=frozenset({POOL[-1].article.id} if alike else ()),
        ),
        None,
        PLAN.search.rank,
        top_k=1,
        exploration=0,
        min_similarity=0.25,
        source_trust={},
        now=NOW,
        chance=random.Random(1),
    )
    reason = found.reason()
    assert [name for name in ("popular", "collaborative") if getattr(reason, name)] == [expected] * bool(
        expected
    )
