"""Tests of gistwire_client.terminal.search_state."""

from datetime import UTC, datetime

import pytest
from gistwire.v1 import events_pb2, search_pb2
from gistwire_client.terminal.search_state import SearchState
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2
from hypothesis import given

from tests.client.scripted_server import hit, search_events
from tests.client.terminal.protocol_events import searches


def state_after(*events: search_pb2.StreamSearchResponse) -> SearchState:
    state = SearchState()
    for event in events:
        state.apply(event)
    return state


def delta(hit_id: str, text: str) -> search_pb2.StreamSearchResponse:
    return search_pb2.StreamSearchResponse(summary_delta=events_pb2.SummaryDelta(hit_id=hit_id, text=text))


def ranking(*hit_ids: str) -> search_pb2.StreamSearchResponse:
    order = [events_pb2.RankedHit(hit_id=hit_id) for hit_id in hit_ids]
    return search_pb2.StreamSearchResponse(ranking=events_pb2.Ranking(order=order))


FOUND = search_events(hit("h1", "Storm"), hit("h2", "Flood"), hit("h3", "Thaw"))[:2]


def test_hits_stand_in_the_order_in_which_they_were_found() -> None:
    state = state_after(*FOUND)
    assert state.query == "storms"
    assert state.order == ["h1", "h2", "h3"]
    assert [state.hits[hit_id].found_rank for hit_id in state.order] == [1, 2, 3]


def test_drafts_grow_until_the_summary_settles_the_hit() -> None:
    state = state_after(*FOUND, delta("h2", "The riv"), delta("h1", "A"), delta("h2", "er rose"))
    assert state.hits["h2"].draft == "The river rose"
    assert state.settled_count == 0
    state.apply(
        search_pb2.StreamSearchResponse(summary=events_pb2.Summary(hit_id="h2", text="It rose.", stored=True))
    )
    summary = state.hits["h2"].summary
    assert summary is not None
    assert (summary.text, summary.stored) == ("It rose.", True)
    assert state.settled_count == 1


@pytest.mark.parametrize(("message", "failure"), [("no time", "no time"), ("", "failed")])
def test_a_hit_whose_summary_failed_is_settled_and_says_why(message: str, failure: str) -> None:
    failed = events_pb2.HitFailed(hit_id="h1", status=status_pb2.Status(message=message))
    state = state_after(*FOUND, search_pb2.StreamSearchResponse(hit_failed=failed))
    assert state.hits["h1"].failure == failure
    assert state.hits["h1"].settled


def test_a_ranking_moves_hits() -> None:
    state = state_after(*FOUND, ranking("h3", "h1", "h2"))
    assert state.order == ["h3", "h1", "h2"]
    assert [state.moved(hit_id) for hit_id in state.order] == [2, -1, -1]


def test_a_ranking_that_breaks_the_protocol_loses_no_hit() -> None:
    assert state_after(*FOUND, ranking("h3", "unknown", "h3")).order == ["h3", "h1", "h2"]
    assert state_after(*FOUND, delta("unknown", "text")).order == ["h1", "h2", "h3"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://news.example/1", "https://news.example/1"),
        ("http://news.example/\x1b[0m1", "http://news.example/[0m1"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("https://news.example/a b", ""),
        ("https://news.example/\na", ""),
    ],
)
def test_only_addresses_of_the_web_become_links(url: str, shown: str) -> None:
    state = state_after(*search_events(hit("h1", "Storm", url=url)))
    assert state.hits["h1"].url == shown


def test_times_out_of_range_are_unknown() -> None:
    known = Timestamp(seconds=1_790_000_000)
    state = state_after(
        *search_events(
            hit("h1", "Storm", published=known),
            hit("h2", "Flood", published=Timestamp(seconds=10**15)),
            hit("h3", "Thaw"),
        )
    )
    assert state.hits["h1"].published == datetime.fromtimestamp(1_790_000_000, UTC)
    assert state.hits["h2"].published is None
    assert state.hits["h3"].published is None


@given(searches())
def test_the_state_of_any_search_is_that_of_its_last_events(
    events: list[search_pb2.StreamSearchResponse],
) -> None:
    state = SearchState()
    expected: list[str] = []
    for event in events:
        state.apply(event)
        if event.HasField("hits"):
            expected = [each.hit_id for each in event.hits.hits]
        elif event.HasField("ranking"):
            expected = [each.hit_id for each in event.ranking.order]
        assert state.order == expected
    assert state.final
    assert state.completed == events[-1].completed
    assert state.settled_count == len(state.hits)
