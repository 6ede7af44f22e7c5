"""Tests of the plan of a stream of topics."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from gistwire.v1 import topic_pb2
from gistwire_server.config import ServerConfig
from gistwire_server.errors import InvalidRequestError
from gistwire_server.topics.validation import plan_topics
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

CONFIG = ServerConfig(data_dir=Path("unused"))
Request = topic_pb2.StreamTopicsRequest


def test_an_empty_request_takes_the_defaults() -> None:
    plan = plan_topics(Request(), CONFIG, None)
    assert (plan.filter, plan.window_s, plan.until, plan.max_topics, plan.digests) == (
        None,
        86_400,
        None,
        10,
        True,
    )
    assert plan.deadline_s == CONFIG.limits.default_deadline_s
    assert plan.to_proto().top_k == 10


def test_what_is_said_is_planned() -> None:
    until = Timestamp(seconds=1_790_000_000)
    request = Request(
        filter="source = Wire", window=Duration(seconds=3_600), until=until, max_topics=3, digests=False
    )
    plan = plan_topics(request, CONFIG, 2.0)
    assert str(plan.filter) == 'source = "Wire"'
    assert (plan.window_s, plan.max_topics, plan.digests, plan.deadline_s) == (3_600, 3, False, 2.0)
    assert plan.until == datetime.fromtimestamp(1_790_000_000, UTC)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Request(filter="source ="), "filter"),
        (Request(filter="x" * 2_001), "filter"),
        (Request(window=Duration(seconds=3_599)), "window"),
        (Request(window=Duration(seconds=90 * 86_400 + 1)), "window"),
        (Request(window=Duration(seconds=-5)), "window"),
        (Request(until=Timestamp(seconds=-62_135_596_800)), "until"),
        (Request(until=Timestamp(seconds=10**14)), "until"),
        (Request(max_topics=101), "max_topics"),
        (Request(max_topics=-1), "max_topics"),
    ],
)
def test_a_field_beyond_its_limit_is_named(request_: topic_pb2.StreamTopicsRequest, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        plan_topics(request_, CONFIG, None)
    assert [each.field for each in caught.value.violations] == [field]
