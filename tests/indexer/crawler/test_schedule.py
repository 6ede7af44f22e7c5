"""Tests of gistwire_indexer.crawler.schedule."""

from datetime import UTC, datetime, timedelta

import pytest
from gistwire_indexer.crawler.schedule import (
    MAX_PAUSE,
    MAX_STATED_INTERVAL,
    interval_after_success,
    max_age,
    pause_after_failure,
    retry_after,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 10, 5, 8, tzinfo=UTC)
MINUTES = st.integers(1, 100_000).map(lambda minutes: timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("headers", "said", "expected"),
    [
        ({}, timedelta(), timedelta(minutes=30)),
        ({"cache-control": "max-age=60"}, timedelta(), timedelta(minutes=30)),
        ({"cache-control": "max-age=7200"}, timedelta(hours=1), timedelta(hours=2)),
        ({"cache-control": "max-age=60"}, timedelta(hours=3), timedelta(hours=3)),
        ({}, timedelta(days=7), MAX_STATED_INTERVAL),
    ],
)
def test_the_longest_of_what_is_wished_counts(
    headers: dict[str, str], said: timedelta, expected: timedelta
) -> None:
    assert interval_after_success(timedelta(minutes=30), headers, said) == expected


def test_a_feed_that_is_asked_seldom_is_asked_no_oftener() -> None:
    assert interval_after_success(timedelta(days=3), {}, timedelta(days=7)) == timedelta(days=3)


@given(MINUTES, st.integers(1, 10_000), st.none() | MINUTES)
def test_pauses_are_bounded(every: timedelta, failures: int, asked_for: timedelta | None) -> None:
    pause = pause_after_failure(every, failures, asked_for)
    assert min(every / 2, MAX_PAUSE) <= pause <= max(every, MAX_PAUSE)
    assert pause >= min(asked_for or timedelta(), MAX_PAUSE)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("max-age=60", 60),
        ("public, MAX-AGE = 60, must-revalidate", 60),
        ('max-age="60"', 60),
        ("s-maxage=60", 0),
        ("no-store", 0),
        ("max-age=", 0),
        ("", 0),
    ],
)
def test_max_age(text: str, seconds: int) -> None:
    assert max_age({"cache-control": text}) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", timedelta(minutes=2)),
        ("Mon, 05 Oct 2026 08:10:00 GMT", timedelta(minutes=10)),
        ("Mon, 05 Oct 2026 07:00:00 GMT", timedelta()),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(text: str, expected: timedelta | None) -> None:
    assert retry_after({"retry-after": text}, NOW) == expected


@given(st.text())
def test_no_header_breaks_it(text: str) -> None:
    retry_after({"retry-after": text}, NOW)
    assert max_age({"cache-control": text}) >= timedelta()
