"""Tests of gistwire_client.terminal.highlighting."""

from gistwire.v1 import events_pb2
from gistwire_client.terminal.highlighting import folded_with_highlights
from gistwire_client.terminal.safe_text import folded
from hypothesis import given
from hypothesis import strategies as st

INTEGERS = st.integers(-5, 50) | st.sampled_from([-(2**31), 2**31 - 1])
HIGHLIGHTS = st.lists(st.builds(events_pb2.Highlight, start=INTEGERS, end=INTEGERS), max_size=5)
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \t\x1b\u202e\u200b"), max_size=40
)


def highlight(start: int, end: int) -> events_pb2.Highlight:
    return events_pb2.Highlight(start=start, end=end)


def marked(text: str, *highlights: events_pb2.Highlight) -> list[str]:
    shown, spans = folded_with_highlights(text, highlights)
    return [shown[span.start : span.end] for span in spans]


def test_highlights_move_with_their_characters() -> None:
    assert marked(" \x1b[1m Storm\u202e in  the\tnorth", highlight(6, 11), highlight(21, 26)) == [
        "Storm",
        "north",
    ]
    assert marked("in  the", highlight(0, 7)) == ["in the"]
    assert marked("storm", highlight(4, 2), highlight(-3, 2), highlight(1, 3), highlight(4, 99)) == [
        "sto",
        "m",
    ]


@given(TEXTS, HIGHLIGHTS)
def test_any_highlights_leave_the_text_and_lie_in_it(
    text: str, highlights: list[events_pb2.Highlight]
) -> None:
    shown, spans = folded_with_highlights(text, highlights)
    assert shown == folded(text)
    end = -1
    for span in spans:
        assert end < span.start < span.end <= len(shown)
        end = span.end
