"""Tests of how close articles are to interests."""

import numpy as np
import pytest
from gistwire_server.personal.closeness import InterestMatcher, most_similar
from gistwire_server.personal.interests import Interest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.personal.test_interests import VECTORS, unit, weighed


def matcher(*interests: Interest) -> InterestMatcher:
    made = InterestMatcher.of(interests)
    assert made is not None
    return made


FERRY = Interest("ferry", 0.7, centre=unit(1, 0, 0))
CHESS = Interest("chess", 0.3, centre=unit(0, 1, 0))


def test_what_has_no_centre_plays_no_part() -> None:
    assert InterestMatcher.of([]) is None
    assert InterestMatcher.of([Interest("tag", 1.0, tag="wind")]) is None
    assert matcher(FERRY, Interest("tag", 0.5, tag="wind")).interests == (FERRY,)


def test_a_single_interest_is_compared_by_its_cosine() -> None:
    only = matcher(Interest("only", 1.0, centre=unit(1, 0)))
    closeness = only.closeness(np.stack([unit(1, 0), unit(0, 1), unit(-1, 0)]))
    assert closeness.tolist() == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)


def test_near_to_a_heavy_interest_is_closer_than_to_a_light_one() -> None:
    ferry, chess, neither = matcher(FERRY, CHESS).closeness(
        np.stack([unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)])
    )
    assert ferry > chess > neither


@given(vectors=st.lists(VECTORS, min_size=1, max_size=6), weight=st.floats(0.01, 0.99))
def test_closeness_is_a_share_and_grows_with_an_interest(vectors: list[list[float]], weight: float) -> None:
    first = Interest("first", weight, centre=unit(1, 0, 0, 0))
    second = Interest("second", 1 - weight, centre=unit(0, 1, 0, 0))
    articles = np.stack([unit(*each) for each in vectors])
    both, one = matcher(first, second).closeness(articles), matcher(first).closeness(articles)
    assert ((both >= 0) & (both <= 1)).all()
    assert (both >= one - 1e-9).all()


def test_an_article_comes_from_the_interest_it_is_near_to_or_from_none() -> None:
    articles = np.stack([unit(1, 0.1, 0), unit(0.1, 1, 0), unit(0, 0, 1)])
    assert matcher(FERRY, CHESS).nearest(articles, min_similarity=0.3) == [FERRY, CHESS, None]


def test_the_most_similar_article() -> None:
    articles = [weighed("ferry-0", unit(1, 0)), weighed("ferry-1", unit(1, 1))]
    assert most_similar(articles, unit(0, 1)) is articles[1]
    assert most_similar([], unit(0, 1)) is None
