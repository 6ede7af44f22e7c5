"""Tests of the order of stories, their timeline and momentum."""

from datetime import timedelta

import pytest
from gistwire_server.topics.story_ranking import TIMELINE_PARTS, momentum, timeline
from hypothesis import given
from hypothesis import strategies as st

from tests.server.topics.news import NOON

SINCE = NOON - timedelta(hours=24)


def test_the_timeline_counts_each_article_in_its_part() -> None:
    times = [SINCE, SINCE + timedelta(minutes=59), SINCE + timedelta(hours=1), NOON]
    counts = timeline(times, SINCE, NOON)
    assert len(counts) == TIMELINE_PARTS
    assert (counts[0], counts[1], counts[-1]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([1, 1, 1, 1], 1.0), ([4, 0, 0, 0], 0.0), ([0, 0, 0, 4], 4.0), ([0, 0, 0, 0], 0.0), ([2, 0, 0, 2], 2.0)],
)
def test_momentum_is_growth_against_an_even_story(counts: list[int], expected: float) -> None:
    assert momentum(counts) == expected


@given(st.lists(st.floats(0, 86_400), max_size=50))
def test_no_article_is_lost(seconds: list[float]) -> None:
    counts = timeline([SINCE + timedelta(seconds=each) for each in seconds], SINCE, NOON)
    assert sum(counts) == len(seconds)
    assert 0 <= momentum(counts) <= 4
