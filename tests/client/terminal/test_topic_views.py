"""Tests of how topics are shown."""

import io
import json

import pytest
from gistwire.v1 import events_pb2, topic_pb2
from gistwire_client.terminal.state_views import LiveStateView
from gistwire_client.terminal.topic_state import TopicState, timeline_bar
from gistwire_client.terminal.topic_views import open_topic_view, render_topics
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.client.scripted_topics import Response, digest, topic, topic_stream


@given(st.lists(st.integers(-3, 10_000), max_size=60))
def test_a_bar_shows_every_part_that_has_articles(counts: list[int]) -> None:
    bar = timeline_bar(counts)
    assert len(bar) == len(counts)
    assert all((mark != " ") == (count > 0) for mark, count in zip(bar, counts, strict=True))
    assert not counts or max(counts) <= 0 or bar[counts.index(max(counts))] == "█"


def test_plain_lines_tell_all_of_a_topic(capsys: pytest.CaptureFixture[str]) -> None:
    with open_topic_view(as_json=False) as view:
        for event in topic_stream():
            view.show(event)
    output = capsys.readouterr().out
    assert "1. Harbour strike goes on\n" in output
    assert "▕ ▄█▏ 3 articles, growing · business · Wire, Dispatch" in output
    assert "harbour strike, Ellery" in output
    assert "The strike goes on. 12 ferries wait." in output
    assert "Sources disagree: 12 ferries" in output
    assert "t1" in output
    assert "fading" in output
    assert output.rstrip().splitlines()[-1].startswith("2 topics")


def test_json_lines_are_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    with open_topic_view(as_json=True) as view:
        for event in topic_stream():
            view.show(event)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [next(key for key in line if key != "sequence") for line in lines] == [
        "started",
        "topic",
        "topic",
        "digest",
        "degraded",
        "completed",
    ]
    assert lines[1]["topic"]["topicId"] == "t1"


def test_the_live_view_leaves_the_whole_behind() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    with LiveStateView(console, TopicState(), render_topics) as view:
        for event in topic_stream():
            view.show(event)
    assert isinstance(console.file, io.StringIO)
    written = console.file.getvalue()
    assert "Harbour strike goes on" in written
    assert "The strike goes on. 12 ferries wait." in written


def test_an_empty_window_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with open_topic_view(as_json=False) as view:
        view.show(Response(completed=events_pb2.Completed()))
    assert capsys.readouterr().out.startswith("no story of more than one article")


def test_hostile_text_cannot_move_the_cursor() -> None:
    state = TopicState()
    hostile = topic(
        "t\x1b[2J", "head\x1b[31mline\nfeed", keywords=["\x07", "a\x1b]0;x"], category="\u202ecat"
    )
    state.apply(Response(topic=hostile))
    state.apply(Response(digest=digest("t\x1b[2J", "one\rtwo")))
    (shown,) = state.topics.values()
    texts = [shown.topic_id, shown.headline, *shown.keywords, shown.category, *shown.digest]
    assert all(text.isprintable() for text in texts)
    assert shown.headline == "head[31mline feed"


def test_a_digest_of_an_unknown_topic_is_passed_over() -> None:
    state = TopicState()
    state.apply(Response(digest=digest("unknown", "Text.")))
    state.apply(Response(topic=topic_pb2.Topic(topic_id="bare")))
    assert state.topics["bare"].headline == "(no headline)"
    assert state.digest_count == 0
