"""Tests of gistwire_client.terminal.wording."""

from datetime import UTC, datetime, timedelta

import pytest
from gistwire.v1 import events_pb2
from gistwire_client.terminal import wording
from google.protobuf.duration_pb2 import Duration

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=30), "30 days ago"),
        (timedelta(days=31), "24 Oct 2026"),
        (timedelta(days=-1), "25 Nov 2026"),
    ],
)
def test_ages(passed: timedelta, words: str) -> None:
    assert wording.age(NOW - passed, NOW) == words


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (datetime(2026, 10, 5, tzinfo=UTC), "5 Oct 2026"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01"),
        (datetime(9999, 12, 31, tzinfo=UTC), "31 Dec 9999"),
    ],
)
def test_dates(time: datetime, words: str) -> None:
    assert wording.date(time) == words


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 hits"), (1, "1 hit"), (2, "2 hits"), (1_000, "1,000 hits")]
)
def test_counts(number: int, words: str) -> None:
    assert wording.counted(number, "hit") == words


def test_every_stage_reason_and_action_has_words() -> None:
    lines = {
        wording.degraded(events_pb2.Degraded(stage=stage, reason=reason, action=action))
        for stage in events_pb2.StageTime.Stage.values()
        for reason in events_pb2.Degraded.Reason.values()
        for action in events_pb2.Degraded.Action.values()
    }
    combinations = (
        len(events_pb2.StageTime.Stage.values())
        * len(events_pb2.Degraded.Reason.values())
        * len(events_pb2.Degraded.Action.values())
    )
    assert len(lines) == combinations


def test_degradation_of_some_hits_says_of_how_many() -> None:
    event = events_pb2.Degraded(
        stage=events_pb2.StageTime.SUMMARIZE,
        reason=events_pb2.Degraded.DEADLINE,
        action=events_pb2.Degraded.EXTRACT,
        hit_ids=["h1", "h2"],
    )
    assert wording.degraded(event) == (
        "degraded: summaries: not enough time was left; extracts instead of summaries (2 hits)"
    )


def test_a_search_that_found_nothing_has_no_time_of_a_first_hit() -> None:
    event = events_pb2.Completed(total=Duration(nanos=7_000_000))
    assert wording.completed(event) == "nothing found · total 7 ms"


def test_counts_of_failed_and_stored_summaries_are_said_where_there_are_any() -> None:
    event = events_pb2.Completed(
        hit_count=3,
        stored_count=1,
        failed_count=2,
        time_to_first_hit=Duration(nanos=40_000_000),
        total=Duration(seconds=9, nanos=500_000_000),
    )
    assert wording.completed(event) == "3 hits · first hit 40 ms · total 9500 ms · 1 stored · 2 failed"
