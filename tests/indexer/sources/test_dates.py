"""Tests of gistwire_indexer.sources.dates."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from gistwire_indexer.sources.dates import parse_date
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-08-01", datetime(2026, 8, 1)),
        ("20260801", datetime(2026, 8, 1)),
        (" 2026-08-01T10:20 ", datetime(2026, 8, 1, 10, 20)),
        ("2026-08-01T10:20:30Z", datetime(2026, 8, 1, 10, 20, 30)),
        ("2026-08-01 10:20:30.5+02:00", datetime(2026, 8, 1, 8, 20, 30, 500_000)),
        ("2026-08-01 10:20:30 +0200", datetime(2026, 8, 1, 8, 20, 30)),
        ("2026-08-01 10:20:30 UTC", datetime(2026, 8, 1, 10, 20, 30)),
        ("Sat, 01 Aug 2026 10:20:30 -0500", datetime(2026, 8, 1, 15, 20, 30)),
        ("Sat, 1 Aug 2026 10:20:30 GMT", datetime(2026, 8, 1, 10, 20, 30)),
        ("1600000000", datetime(2020, 9, 13, 12, 26, 40)),
        ("1600000000.5", datetime(2020, 9, 13, 12, 26, 40, 500_000)),
        ("1600000000000", datetime(2020, 9, 13, 12, 26, 40)),
        ("26-FEB-1987 15:02:20.00", datetime(1987, 2, 26, 15, 2, 20)),
        (" 5-mar-1987 9:09:19.42", datetime(1987, 3, 5, 9, 9, 19, 420_000)),
        ("27-MAR-1987 00:02:59.13&#5;&#5;&#5;RM", datetime(1987, 3, 27, 0, 2, 59, 130_000)),
        ("5-MAR-1987", datetime(1987, 3, 5)),
    ],
)
def test_reads(text: str, time: datetime) -> None:
    assert parse_date(text) == time.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026",
        "2026-13-01",
        "30-FEB-1987",
        "5-XXX-1987",
        "12",
        "0001-01-01T00:00:00+05:00",
        "1e9",
    ],
)
def test_what_is_not_understood_is_none(text: str) -> None:
    assert parse_date(text) is None


@given(st.text())
def test_any_text_is_a_time_in_utc_or_none(text: str) -> None:
    time = parse_date(text)
    assert time is None or time.tzinfo is UTC


@given(
    st.datetimes(
        min_value=datetime(1, 1, 2),
        max_value=datetime(9999, 12, 30),
        timezones=st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours))),
    )
)
def test_iso_8601_is_read_back(time: datetime) -> None:
    assert parse_date(time.isoformat()) == time
