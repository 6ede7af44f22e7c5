"""Tests of gistwire_client.terminal.live_view: what a terminal shows of a search."""

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gistwire.v1 import events_pb2, search_pb2
from gistwire_client.terminal.live_view import LiveView, render_search
from gistwire_client.terminal.search_state import SearchState
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.client.scripted_recommendations import Reason, recommendation_events
from tests.client.scripted_server import hit, search_events
from tests.client.terminal.protocol_events import searches

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;[^\x1b]*\x1b\\")


def terminal(height: int = 60) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=100,
        height=height,
        color_system="truecolor",
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )


def output(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def shown(events: Sequence[search_pb2.StreamSearchResponse], *, height: int | None = None) -> str:
    """The text that a screen shows after these events; fitted to it, if a height is given."""
    state = SearchState()
    for event in events:
        state.apply(event)
    console = terminal(height or 60)
    console.print(render_search(state, now=NOW, fit_screen=height is not None))
    return _ESCAPE_SEQUENCE.sub("", output(console))


def extracted(hit_id: str, headline: str, extract: str, **article: object) -> events_pb2.Hit:
    found = hit(hit_id, headline, **article)
    found.extract = extract
    return found


def test_hits_appear_before_their_summaries() -> None:
    published = Timestamp()
    published.FromDatetime(NOW - timedelta(hours=3))
    found = extracted("h1", "Storm", "Gusts of 120 km/h.", source="Wire", published=published)
    found.duplicate_ids.append("a9")
    screen = shown(search_events(found)[:2])
    assert "storms" in screen
    assert "0 of 1 summaries" in screen
    assert "Storm" in screen
    assert "Wire · 3 h ago · 1 similar" in screen
    assert "Gusts of 120 km/h." in screen


def test_a_draft_takes_the_place_of_the_extract() -> None:
    delta = events_pb2.SummaryDelta(hit_id="h1", text="Winds tore  ro")
    events = search_events(extracted("h1", "Storm", "Gusts of 120 km/h."))[:2]
    screen = shown([*events, search_pb2.StreamSearchResponse(summary_delta=delta)])
    assert "Winds tore ro▍" in screen
    assert "Gusts" not in screen


def test_the_end_has_order_moves_summaries_and_timings() -> None:
    events = search_events(hit("h1", "Storm"), hit("h2", "Flood"))
    completed = events[-1].completed
    completed.time_to_first_hit.CopyFrom(Duration(nanos=42_000_000))
    completed.time_to_first_summary.CopyFrom(Duration(nanos=210_000_000))
    completed.total.CopyFrom(Duration(seconds=12, nanos=340_000_000))
    completed.stored_count = 1
    screen = shown(events)
    assert screen.index("Flood") < screen.index("Storm")
    assert "▲1" in screen
    assert "▼1" in screen
    assert "Summary of Flood" in screen
    assert "2 hits · first hit 42 ms · first summary 210 ms · total 12.3 s · 1 stored" in screen


def test_a_hit_without_summary_says_why_and_keeps_its_extract() -> None:
    failed = events_pb2.HitFailed(hit_id="h1", status=status_pb2.Status(message="no time"))
    events = search_events(extracted("h1", "Storm", "Gusts of 120 km/h."))[:2]
    screen = shown([*events, search_pb2.StreamSearchResponse(hit_failed=failed)])
    assert "no summary: no time" in screen
    assert "Gusts of 120 km/h." in screen


def test_a_summary_that_is_the_headline_is_not_said_twice() -> None:
    screen = shown(search_events(extracted("h1", "Storm", "Gusts."), summaries=["Storm"]))
    assert screen.count("Storm") == 1
    assert "Gusts." in screen


def test_what_finds_no_room_is_counted() -> None:
    events = search_events(*(hit(f"h{number}", f"Headline {number}") for number in range(9)))
    screen = shown(events[:2], height=12)
    assert len(screen.splitlines()) <= 12
    visible = screen.count("Headline")
    assert 0 < visible < 9
    assert f"… and {9 - visible} more hits" in screen


def test_markup_and_escape_sequences_are_shown_as_text() -> None:
    hostile = "[red]x[/red] :bomb: \x1b[2J\x1b]0;title\x07\u202etxet\x9b31m"
    console = terminal()
    with LiveView(console, now=lambda: NOW) as view:
        for event in search_events(
            extracted("h1", hostile, hostile, source=hostile, url=f"https://x/{hostile}"),
            query=hostile,
            summaries=[hostile],
        ):
            view.show(event)
    text = output(console)
    assert "[red]x[/red] :bomb: [2J]0;titletxet31m" in text
    for forbidden in ("\x1b[2J", "\x1b]0;", "\x07", "\u202e", "\x9b"):
        assert forbidden not in text


def test_an_address_becomes_a_link() -> None:
    state = SearchState()
    for event in search_events(hit("h1", "Storm", url="https://news.example/1")):
        state.apply(event)
    console = terminal()
    console.print(render_search(state, now=NOW))
    assert "https://news.example/1\x1b\\" in output(console)


def test_a_view_that_is_left_before_anything_was_found_leaves_nothing() -> None:
    console = terminal()
    with LiveView(console, now=lambda: NOW):
        pass
    assert "hit" not in output(console)


def test_a_view_that_is_left_early_keeps_what_it_has_shown() -> None:
    console = terminal()
    with LiveView(console, now=lambda: NOW) as view:
        for event in search_events(hit("h1", "Storm"))[:2]:
            view.show(event)
    assert "Storm" in output(console).rpartition("\x1b[2K")[2]


@settings(max_examples=25)
@given(searches(), st.integers(5, 40))
def test_any_search_is_drawn_after_each_of_its_events(
    events: list[search_pb2.StreamSearchResponse], height: int
) -> None:
    state = SearchState()
    for event in events:
        state.apply(event)
        console = terminal(height)
        console.print(render_search(state, now=NOW, fit_screen=True))
        console.print(render_search(state, now=NOW))
        rest = _ESCAPE_SEQUENCE.sub("", output(console))
        assert "\x1b" not in rest
        assert "\u202e" not in rest


def test_a_recommendation_is_shown_like_a_search_with_its_reasons() -> None:
    reason = Reason(hit_id="h1", interest_id="i1", history_headline="Old  storm")
    console = terminal()
    with LiveView(console, title="news for ada", now=lambda: NOW) as view:
        for event in recommendation_events(hit("h1", "Storm", source="Wire"), reasons=[reason]):
            view.show(event)
    screen = _ESCAPE_SEQUENCE.sub("", output(console))
    assert "news for ada" in screen
    assert "Wire · extracted · because you read “Old storm”" in screen
