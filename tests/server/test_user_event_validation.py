"""Tests of what clients may say of users."""

from datetime import UTC, datetime, timedelta

import pytest
from gistwire.v1 import user_event_pb2
from gistwire_indexer.user_events import EventKind
from gistwire_server.errors import (
    AttributionTokenExpiredError,
    AttributionTokenInvalidError,
    AttributionTokenMismatchError,
    InvalidRequestError,
    status_of,
)
from gistwire_server.paging import TokenSigner
from gistwire_server.user_event_validation import check_user_id, read_events, read_tags
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from tests.server.conftest import PLAN

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SIGNER = TokenSigner(b"k" * 32, lifetime_s=600, clock=NOW.timestamp)
Event = user_event_pb2.UserEvent


def message(**fields: object) -> user_event_pb2.UserEvent:
    given_fields: dict[str, object] = {
        "event_id": "e",
        "user_id": "u",
        "article_id": "a",
        "kind": Event.CLICK,
        **fields,
    }
    return Event(**given_fields)  # type: ignore[arg-type]


def moment(offset: timedelta) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(NOW + offset)
    return timestamp


def violations(event: user_event_pb2.UserEvent) -> list[str]:
    _, [refused] = read_events([event], SIGNER, NOW)
    assert isinstance(refused.error, InvalidRequestError)
    return [each.field for each in refused.error.violations]


def test_an_event_is_read_with_its_fields() -> None:
    token = SIGNER.attribution_token("r", PLAN, ["a", "b"])
    occurred = moment(timedelta(minutes=-3))
    [event], refused = read_events(
        [message(kind=Event.RATE_SUMMARY, rating=0.5, occurred=occurred, attribution_token=token)],
        SIGNER,
        NOW,
    )
    assert refused == []
    assert (event.event_id, event.user_id, event.article_id) == ("e", "u", "a")
    assert (event.kind, event.rating, event.request_id) == (EventKind.RATE_SUMMARY, 0.5, "r")
    assert event.occurred == NOW - timedelta(minutes=3)


def test_what_is_not_said_of_an_event_has_defaults() -> None:
    [event], _ = read_events([message()], SIGNER, NOW)
    assert (event.occurred, event.rating, event.request_id) == (NOW, None, "")


@pytest.mark.parametrize(
    "fields",
    [
        {"rating": 0.0, "kind": Event.RATE_ARTICLE},
        {"rating": 1.0, "kind": Event.RATE_SUMMARY},
        {"occurred": moment(timedelta(minutes=5))},
        {"event_id": "事" * 128},
        {"occurred": Timestamp(seconds=-62135596800)},
    ],
)
def test_limits_are_within(fields: dict[str, object]) -> None:
    _, refused = read_events([message(**fields)], SIGNER, NOW)
    assert refused == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"event_id": ""}, "event_id"),
        ({"user_id": ""}, "user_id"),
        ({"article_id": ""}, "article_id"),
        ({"event_id": "e" * 129}, "event_id"),
        ({"user_id": "u" * 129}, "user_id"),
        ({"article_id": "a\nb"}, "article_id"),
        ({"user_id": "u\x00"}, "user_id"),
        ({"kind": Event.KIND_UNSPECIFIED}, "kind"),
        ({"kind": 42}, "kind"),
        ({"kind": Event.RATE_ARTICLE}, "rating"),
        ({"kind": Event.RATE_ARTICLE, "rating": 1.0001}, "rating"),
        ({"kind": Event.RATE_SUMMARY, "rating": -0.0001}, "rating"),
        ({"kind": Event.RATE_SUMMARY, "rating": float("nan")}, "rating"),
        ({"kind": Event.LIKE, "rating": 0.5}, "rating"),
        ({"occurred": moment(timedelta(minutes=5, microseconds=1))}, "occurred"),
        ({"occurred": Timestamp(seconds=1 << 60)}, "occurred"),
        ({"occurred": Timestamp(nanos=-1)}, "occurred"),
        ({"attribution_token": "A" * 4097}, "attribution_token"),
    ],
)
def test_a_fault_is_named(fields: dict[str, object], field: str) -> None:
    assert violations(message(**fields)) == [f"events[0].{field}"]


def test_all_faults_of_an_event_are_named() -> None:
    event = Event(occurred=moment(timedelta(days=1)), rating=2)
    assert violations(event) == [
        f"events[0].{name}" for name in ("event_id", "user_id", "article_id", "kind", "rating", "occurred")
    ]


def test_a_bad_event_leaves_the_others() -> None:
    events, refused = read_events(
        [message(event_id="1"), message(event_id="2", kind=0), message(event_id="3")], SIGNER, NOW
    )
    assert [event.event_id for event in events] == ["1", "3"]
    assert [each.event_id for each in refused] == ["2"]
    assert "events[1].kind" in str(refused[0].error)


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("nonsense", AttributionTokenInvalidError),
        (SIGNER.for_tenant("red").attribution_token("r", PLAN, ["a"]), AttributionTokenInvalidError),
        (SIGNER.attribution_token("r", PLAN, ["b"]), AttributionTokenMismatchError),
        (
            TokenSigner(b"k" * 32, lifetime_s=600, clock=lambda: 0.0).attribution_token("r", PLAN, ["a"]),
            AttributionTokenExpiredError,
        ),
    ],
)
def test_a_token_that_does_not_attribute_refuses_the_event(token: str, error: type[Exception]) -> None:
    _, [refused] = read_events([message(attribution_token=token)], SIGNER, NOW)
    assert isinstance(refused.error, error)


@pytest.mark.parametrize("count", [0, 1_001])
def test_the_number_of_events_is_limited(count: int) -> None:
    with pytest.raises(InvalidRequestError, match="events"):
        read_events([message()] * count, SIGNER, NOW)
    assert len(read_events([message()] * 1_000, SIGNER, NOW)[0]) == 1_000


@given(
    st.builds(
        Event,
        event_id=st.text(max_size=130),
        user_id=st.text(max_size=130),
        article_id=st.text(max_size=130),
        kind=st.integers(-10, 10),
        rating=st.none() | st.floats(),
        occurred=st.none()
        | st.builds(
            Timestamp, seconds=st.integers(-(2**63), 2**63 - 1), nanos=st.integers(-(2**31), 2**31 - 1)
        ),
        attribution_token=st.text(max_size=50),
    )
)
def test_whatever_an_event_holds_it_is_read_or_refused(event: user_event_pb2.UserEvent) -> None:
    events, refused = read_events([event], SIGNER, NOW)
    assert len(events) + len(refused) == 1
    for each in refused:
        assert status_of(each.error).code
        assert len(each.event_id) <= 128


def test_a_refusal_holds_nothing_of_the_user() -> None:
    event = Event(
        event_id="e", user_id="ada-lovelace\n", article_id="secret-article\n", attribution_token="x"
    )
    _, [refused] = read_events([event], SIGNER, NOW)
    status = status_of(refused.error).SerializeToString()
    assert b"lovelace" not in status
    assert b"secret" not in status


@pytest.mark.parametrize("user_id", ["", "u" * 129, "u\x7f", "\x00"])
def test_what_is_no_user_is_refused(user_id: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_user_id(user_id)
    assert [each.field for each in refused.value.violations] == ["user_id"]


def test_tags_are_normalized_and_each_kept_once() -> None:
    assert read_tags(["  offshore   wind ", "cafe\u0301", "offshore wind", "香港"]) == (
        "offshore wind",
        "café",
        "香港",
    )
    assert read_tags([]) == ()


@pytest.mark.parametrize(
    ("tags", "fields"),
    [
        (["tag"] * 21, ["tags"]),
        (["x" * 201], ["tags[0]"]),
        (["fine", " ", "a\nb", "\u200b"], ["tags[1]", "tags[2]", "tags[3]"]),
        (["\x1b[31mred"], ["tags[0]"]),
    ],
)
def test_what_is_no_tag_is_refused(tags: list[str], fields: list[str]) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_tags(tags)
    assert [each.field for each in refused.value.violations] == fields
