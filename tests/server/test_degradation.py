"""Tests of `reason_of`: what a reader is told of why a model was done without."""

import pytest
from gistwire.v1 import events_pb2
from gistwire_models.errors import (
    ModelOverloadedError,
    ModelUnavailableError,
    SummaryNotWrittenError,
)
from gistwire_server.degradation import reason_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), events_pb2.Degraded.DEADLINE),
        (ModelOverloadedError("busy", retry_after_s=1), events_pb2.Degraded.OVERLOAD),
        (ModelUnavailableError(), events_pb2.Degraded.BACKEND_DOWN),
        # The engine is well.
        (SummaryNotWrittenError(), events_pb2.Degraded.NOT_AVAILABLE),
    ],
)
def test_each_error_has_its_reason(error: Exception, reason: events_pb2.Degraded.Reason.ValueType) -> None:
    assert reason_of(error) == reason
