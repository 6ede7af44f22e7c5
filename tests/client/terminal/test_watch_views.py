"""Tests of gistwire_client.terminal.watch_views."""

import io
import unicodedata

import pytest
from gistwire.v1 import events_pb2, search_pb2
from gistwire_client.terminal.watch_views import LineWatchView
from google.rpc import status_pb2
from rich.console import Console

from tests.client.scripted_server import hit, watch_events

HOSTILE = "\x1b[31mred\x1b]0;title\x07 \u202etxet\u2066 \x9b2J\u200b end"


def failed(hit_id: str, message: str) -> search_pb2.WatchResponse:
    failure = events_pb2.HitFailed(hit_id=hit_id, status=status_pb2.Status(message=message))
    return search_pb2.WatchResponse(hit_failed=failure)


def test_a_hit_is_shown_at_once_and_its_summary_under_its_label(capsys: pytest.CaptureFixture[str]) -> None:
    view = LineWatchView()
    _, hits, summary = watch_events(hit("h7", "Storm", source="Wire", url="https://news.example/1"))
    view.show(hits)
    assert capsys.readouterr().out == "h7  Storm — Wire\n    https://news.example/1\n"
    view.show(summary)
    assert capsys.readouterr().out == "h7 › Summary of Storm\n"


def test_where_the_summary_is_the_headline_the_extract_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    view = LineWatchView()
    found = hit("h1", "Storm")
    found.extract = "A storm came."
    _, hits, summary = watch_events(found)
    summary.summary.text = "Storm"
    view.show(hits)
    view.show(summary)
    assert capsys.readouterr().out == "h1  Storm\nh1 › A storm came.\n"


def test_a_failure_is_shown_with_the_extract(capsys: pytest.CaptureFixture[str]) -> None:
    view = LineWatchView()
    found = hit("h1", "Storm")
    found.extract = "A storm came."
    view.show(watch_events(found)[1])
    view.show(failed("h1", "busy"))
    # Of a hit that was shown by an earlier run.
    view.show(failed("h0", ""))
    view.show(search_pb2.WatchResponse(caught_up=search_pb2.CaughtUp(past_hit_count=1)))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "h1 › no summary: busy",
        "h1 › A storm came.",
        "h0 › no summary: failed",
        "1 past hit; waiting for new ones",
    ]


def test_words_of_the_query_are_bold_in_a_terminal() -> None:
    output = io.StringIO()
    view = LineWatchView(Console(file=output, force_terminal=True, width=80, highlight=False, markup=False))
    found = hit("h1", "A [storm] came")
    found.headline_highlights.add(start=3, end=8)
    view.show(watch_events(found)[1])
    assert "A [\x1b[1mstorm\x1b[0m] came" in output.getvalue()


def test_hostile_text_never_reaches_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    view = LineWatchView()
    found = hit(HOSTILE, HOSTILE, source=HOSTILE, url=f"https://news.example/{HOSTILE}")
    found.extract = HOSTILE
    for event in [*watch_events(found), failed(HOSTILE, HOSTILE)]:
        view.show(event)
    shown = capsys.readouterr().out
    assert "red" in shown
    assert not [each for each in shown.replace("\n", "") if unicodedata.category(each).startswith("C")]
