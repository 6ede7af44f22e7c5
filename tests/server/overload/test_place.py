"""Tests of `Place`: which calls take about as long for a unit of cost."""

import pytest
from gistwire.v1 import events_pb2
from gistwire_server.overload.place import Place
from gistwire_server.overload.quality_step import QualityStep

from tests.server.overload.clock import Clock


@pytest.fixture
def place() -> Place:
    return Place(Clock(), 1_000.0, QualityStep.FAST, 1.0, 1.0)


def test_written_summaries_are_told_from_stored_ones(place: Place) -> None:
    place.sends(events_pb2.Summary(stored=True))
    assert place.kind("Search") == "Search/FAST/read"
    place.sends(events_pb2.Summary())
    assert place.kind("Search") == "Search/FAST/written"


def test_what_is_told_again_is_of_its_own_kind(place: Place) -> None:
    place.tells_again()
    place.sends(events_pb2.Summary())
    assert place.kind("Search") == "Search/FAST/told again"
