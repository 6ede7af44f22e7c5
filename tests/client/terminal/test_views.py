"""Tests of gistwire_client.terminal.views: which view is chosen, and that plain lines take any search."""

import pytest
from gistwire.v1 import search_pb2
from gistwire_client.errors import CallFailedError
from gistwire_client.terminal.live_view import LiveView
from gistwire_client.terminal.views import JsonView, PlainView, open_view
from google.protobuf.json_format import Parse
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings

from tests.client.scripted_server import hit, search_events
from tests.client.terminal.protocol_events import searches


@pytest.mark.parametrize(
    ("as_json", "in_terminal", "kind"),
    [(True, True, JsonView), (True, False, JsonView), (False, True, LiveView), (False, False, PlainView)],
)
def test_the_view_suits_where_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, *, as_json: bool, in_terminal: bool, kind: type
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: in_terminal)
    assert type(open_view(as_json=as_json)) is kind


def test_plain_lines_are_written_when_their_events_come(capsys: pytest.CaptureFixture[str]) -> None:
    events = search_events(
        hit("h1", "Storm", source="Wire"), hit("h2", "Flood", url="https://news.example/2")
    )
    written = []
    with PlainView() as view:
        for event in events:
            view.show(event)
            written.append(capsys.readouterr().out)
    assert written == [
        "",
        "1. Storm — Wire\n2. Flood\n",
        "",
        "",
        "",
        "\n1. Flood\n   extracted\n   https://news.example/2\n   Summary of Flood"
        "\n\n2. Storm\n   Wire · extracted\n   Summary of Storm"
        "\n\n2 hits · first hit 0 ms · total 0 ms\n",
    ]


def test_what_json_has_no_form_for_is_an_error_of_the_call() -> None:
    events = search_events(hit("h1", "Storm", published=Timestamp(seconds=10**15)))
    with pytest.raises(CallFailedError, match="published"):
        JsonView().show(events[1])


@settings(
    max_examples=25,
)
@given(events=searches())
def test_any_search_can_be_written_as_lines(
    capsys: pytest.CaptureFixture[str], events: list[search_pb2.StreamSearchResponse]
) -> None:
    with PlainView() as plain, JsonView() as lines:
        for event in events:
            plain.show(event)
        text = capsys.readouterr().out
        for event in events:
            lines.show(event)
    assert "\x1b" not in text
    assert "\u202e" not in text
    written = capsys.readouterr().out.splitlines()
    assert [Parse(line, search_pb2.StreamSearchResponse()) for line in written] == events
