"""Tests of gistwire_indexer.crawler.duration."""

from datetime import timedelta

import pytest
from gistwire_indexer.crawler.duration import Duration
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("30d", timedelta(days=30)),
    ],
)
def test_a_number_with_its_unit(text: str, expected: timedelta) -> None:
    assert Duration.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "15", "m", "15 m", "15M", "-1s", "1.5h", "1h30m", "9999999s", "15m\n", "١m"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number with its unit"):
        Duration.parse(text)


@given(st.integers(0, 999_999))
def test_what_is_written_can_be_read(seconds: int) -> None:
    assert Duration.parse(str(Duration(seconds=seconds))) == timedelta(seconds=seconds)
