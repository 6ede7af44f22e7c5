"""Tests of interests: weights of events, clusters of a history, tags beside it."""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pytest
from gistwire_indexer.index import IndexedArticle
from gistwire_indexer.user_events import EventKind, UserEvent
from gistwire_models.encoder import Embedding
from gistwire_server.personal.interests import (
    TAG_MASS,
    Interest,
    WeighedArticle,
    article_weights,
    event_weight,
    find_interests,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.server.personal.conftest import NOW, article, did

HALF_LIFE_S = 14 * 86_400.0
KINDS = st.sampled_from(list(EventKind))
EVENTS = st.lists(
    st.builds(
        lambda kind, number, days, rating: did(
            kind,
            f"ferry-{number}",
            days_ago=days,
            rating=rating if kind in (EventKind.RATE_ARTICLE, EventKind.RATE_SUMMARY) else None,
        ),
        KINDS,
        st.integers(0, 5),
        st.floats(0, 400),
        st.floats(0, 1),
    ),
    max_size=30,
)


def unit(*numbers: float) -> Embedding:
    vector = np.array(numbers, dtype=np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def weighed(article_id: str, vector: Embedding, weight: float = 1.0) -> WeighedArticle:
    subject, _, number = article_id.partition("-")
    return WeighedArticle(
        IndexedArticle(article(subject, int(number)), "r1", NOW, None, embedding=vector), weight
    )


def interests(
    articles: Sequence[WeighedArticle],
    tags: Mapping[str, Embedding | None] | None = None,
    *,
    max_clusters: int = 10,
) -> tuple[Interest, ...]:
    return find_interests(articles, tags or {}, min_similarity=0.5, max_clusters=max_clusters)


VECTORS = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda each: np.linalg.norm(each) > 0.1)
HISTORIES = st.lists(st.tuples(VECTORS, st.floats(0.01, 5)), max_size=12).map(
    lambda drawn: [
        weighed(f"ferry-{place}", unit(*vector), weight) for place, (vector, weight) in enumerate(drawn)
    ]
)


def test_events_weigh_by_what_they_say() -> None:
    view, click, like, dismiss = (
        event_weight(did(kind, "a"))
        for kind in (EventKind.VIEW, EventKind.CLICK, EventKind.LIKE, EventKind.DISMISS)
    )
    assert dismiss < view == 0 < click < like
    good, bad = (event_weight(did(EventKind.RATE_ARTICLE, "a", rating=rating)) for rating in (0.9, 0.1))
    assert bad < 0 < good
    assert 0 < event_weight(did(EventKind.RATE_SUMMARY, "a", rating=0.9)) < good


def test_a_weight_halves_with_each_half_life() -> None:
    weights = article_weights(
        [did(EventKind.CLICK, "new", days_ago=0), did(EventKind.CLICK, "old", days_ago=28)], NOW, HALF_LIFE_S
    )
    assert weights == {"new": pytest.approx(1.0), "old": pytest.approx(0.25)}


@given(events=EVENTS, days=st.floats(0.1, 100))
def test_weights_decay_alike_and_never_grow(events: list[UserEvent], days: float) -> None:
    weights = article_weights(events, NOW, HALF_LIFE_S)
    later = article_weights(events, NOW + timedelta(days=days), HALF_LIFE_S)
    assert later.keys() == weights.keys()
    factor = 0.5 ** (days * 86_400 / HALF_LIFE_S)
    for article_id, weight in weights.items():
        assert weight > 0
        assert later[article_id] == pytest.approx(weight * factor, rel=1e-6)


def test_what_was_dismissed_after_it_was_read_is_no_interest() -> None:
    events = [did(EventKind.DISMISS, "a", days_ago=1), did(EventKind.CLICK, "a", days_ago=2)]
    assert article_weights(events, NOW, HALF_LIFE_S) == {}


def test_a_history_falls_into_its_clusters() -> None:
    found = interests(
        [
            weighed("ferry-0", unit(1, 0.1, 0)),
            weighed("ferry-1", unit(1, 0, 0), 2.0),
            weighed("ferry-2", unit(1, 0, 0.1)),
            weighed("chess-0", unit(0, 0, 1)),
        ]
    )
    assert [[each.indexed.article.id for each in interest.articles] for interest in found] == [
        ["ferry-1", "ferry-0", "ferry-2"],
        ["chess-0"],
    ]
    assert [each.weight for each in found] == pytest.approx([0.8, 0.2])
    assert found[0].medoid is not None
    assert found[0].medoid.article.id == "ferry-1"
    assert found[0].centre is not None
    assert found[0].centre @ unit(1, 0, 0) > 0.99


def test_a_chain_is_not_one_cluster() -> None:
    chain = [weighed(f"ferry-{step}", unit(np.cos(step * 0.8), np.sin(step * 0.8))) for step in range(4)]
    assert len(interests(chain)) == 2


@given(history=HISTORIES, tags=st.integers(0, 3), chance=st.randoms())
def test_interests_are_shares_and_do_not_depend_on_the_order(
    history: list[WeighedArticle], tags: int, chance: random.Random
) -> None:
    stated: dict[str, Embedding | None] = {f"tag{place}": unit(1, place, 0, 0) for place in range(tags)}
    found = interests(history, stated)
    shuffled = list(history)
    chance.shuffle(shuffled)
    again = interests(shuffled, stated)
    assert [(each.id, each.tag) for each in again] == [(each.id, each.tag) for each in found]
    assert [each.weight for each in found] == sorted((each.weight for each in found), reverse=True)
    if history or tags:
        assert sum(each.weight for each in found) == pytest.approx(1.0)
    else:
        assert found == ()
    for each in found:
        assert each.centre is not None
        assert np.linalg.norm(each.centre) == pytest.approx(1.0, abs=1e-5)
        assert bool(each.tag) != bool(each.articles)
    assert len({each.id for each in found}) == len(found)


def test_the_identifier_stays_while_the_medoid_does() -> None:
    centre = weighed("ferry-1", unit(1, 0), 5.0)
    (before,) = interests([centre, weighed("ferry-2", unit(1, 0.2))])
    (after,) = interests([centre, weighed("ferry-3", unit(1, 0.3)), weighed("ferry-4", unit(1, -0.3))])
    (other,) = interests([weighed("ferry-4", unit(1, -0.3))])
    assert before.id == after.id != other.id


def test_only_the_weightiest_clusters_are_kept() -> None:
    history = [weighed("ferry-0", unit(1, 0, 0), 3.0), weighed("chess-0", unit(0, 1, 0), 1.0)]
    (kept,) = interests(history, max_clusters=1)
    assert kept.articles[0].indexed.article.id == "ferry-0"
    assert kept.weight == 1.0


def test_a_tag_counts_beside_the_history_also_without_an_embedding() -> None:
    found = interests([weighed("ferry-0", unit(1, 0), TAG_MASS)], {"wind": unit(0, 1), "chess": None})
    assert [each.weight for each in found] == pytest.approx([1 / 3] * 3)
    by_tag = {each.tag: each for each in found}
    assert by_tag["chess"].centre is None
    assert by_tag["wind"].medoid is None
    assert by_tag["wind"].to_proto().tag == "wind"
    assert by_tag[""].to_proto().medoid_article_id == "ferry-0"
