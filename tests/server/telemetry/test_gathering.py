"""Tests of a server whose metrics nobody reads: all is counted on as usual, and kept nowhere."""

import pytest
from gistwire.v1 import events_pb2
from gistwire_server.budget import Step
from gistwire_server.telemetry.gathering import no_metrics
from gistwire_server.telemetry.observation import CallObserver


async def test_a_call_is_observed_and_its_error_passed_on() -> None:
    observer = CallObserver(no_metrics())
    async with observer.observe("StreamSearch") as observation:
        observation.is_of("default")
        for event in (events_pb2.Hits(), events_pb2.Summary(), events_pb2.Degraded()):
            observation.sends(event)
    with pytest.raises(ValueError, match="as it was"):
        async with observer.observe("StreamSearch"):
            raise ValueError("as it was")


def test_a_stage_may_end() -> None:
    no_metrics().stage_ended(Step.ENCODE, 0.1, True)
