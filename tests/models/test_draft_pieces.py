"""Tests of `DraftPieces`: the first word at once, later ones gathered."""

import itertools
from collections.abc import Iterator

from gistwire_models.draft_pieces import SEND_EACH_S, DraftPieces
from hypothesis import given
from hypothesis import strategies as st


def test_the_first_word_is_a_piece_at_once() -> None:
    assert DraftPieces(lambda: 0.0).add("Oil") == "Oil"


def test_words_that_follow_closely_make_one_piece_when_the_pause_is_over() -> None:
    times: Iterator[float] = iter([0.0, SEND_EACH_S / 2, SEND_EACH_S])
    pieces = DraftPieces(lambda: next(times))
    assert [pieces.add(word) for word in ("Oil", " prices", " rose")] == ["Oil", "", " prices rose"]


def test_no_word_is_no_piece_and_begins_no_pause() -> None:
    pieces = DraftPieces(lambda: 0.0)
    assert pieces.add("") == ""
    assert pieces.add("Oil") == "Oil"


def test_the_rest_is_given_once() -> None:
    pieces = DraftPieces(lambda: 0.0)
    pieces.add("Oil")
    pieces.add(" rose")
    assert [pieces.rest(), pieces.rest()] == [" rose", ""]


@given(st.lists(st.tuples(st.text(max_size=5), st.floats(min_value=0, max_value=0.05))))
def test_whatever_the_times_nothing_is_lost_and_pieces_keep_their_pause(
    words: list[tuple[str, float]],
) -> None:
    now = 0.0
    pieces = DraftPieces(lambda: now)
    sent: list[tuple[float, str]] = []
    for word, pause in words:
        now += pause
        if piece := pieces.add(word):
            sent.append((now, piece))
    assert "".join(piece for _, piece in sent) + pieces.rest() == "".join(word for word, _ in words)
    for (before, _), (after, _) in itertools.pairwise(sent):
        assert after - before >= SEND_EACH_S - 1e-9
