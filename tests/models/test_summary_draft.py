"""Tests of `Draft` and `DraftRounds`: the first word and the end at once, what comes between in rounds, in order."""

import asyncio
import threading

import pytest
from gistwire_models.summary_draft import Draft, DraftRounds
from hypothesis import given
from hypothesis import strategies as st

from tests.models.test_surface import source_words

BODY = "Oil prices rose to a record high on Friday after talks failed in Vienna."
TOKENS = ["oil", "prices", "rose", "to", "a", "record", "high", "on", "friday", "."]
TEXT = "Oil prices rose to a record high on Friday."
HOURS = 10_000.0


def make_draft(rounds: DraftRounds, *, is_read: bool = True) -> Draft:
    return Draft(source_words("", BODY), rounds, is_read=is_read)


async def settle() -> None:
    """Lets what the other thread told the loop come through."""
    for _ in range(3):
        await asyncio.sleep(0)


async def pieces_of(draft: Draft) -> list[str]:
    pieces = []
    while (piece := await draft.next_text()) is not None:
        pieces.append(piece)
    return pieces


def write(draft: Draft, tokens: list[str]) -> None:
    for token in tokens:
        draft.add(token)


async def test_the_first_word_does_not_wait_for_a_round() -> None:
    draft = make_draft(DraftRounds(HOURS))
    await asyncio.to_thread(write, draft, TOKENS[:2])
    assert await draft.next_text() == "Oil "


async def test_what_follows_makes_one_piece_a_round_and_the_end_waits_for_none() -> None:
    rounds = DraftRounds(HOURS)
    draft = make_draft(rounds)
    write(draft, TOKENS[:2])
    await settle()
    write(draft, TOKENS[2:8])
    rounds.go_round()
    # Nothing new is no piece.
    rounds.go_round()
    write(draft, TOKENS[8:])
    assert draft.finish(complete=True) == TEXT
    assert await pieces_of(draft) == ["Oil ", "prices rose to a", " record high on Friday."]


async def test_rounds_go_on_by_themselves_as_long_as_drafts_are_written() -> None:
    rounds = DraftRounds(0.001)
    drafts = [make_draft(rounds) for _ in range(3)]
    for draft in drafts:
        write(draft, TOKENS[:2])
        assert await draft.next_text() == "Oil "
        write(draft, TOKENS[2:8])
    assert [await draft.next_text() for draft in drafts] == ["prices rose to a"] * 3
    drafts[0].abandon()
    drafts[1].finish(complete=False)
    assert await pieces_of(drafts[1]) == [" record high on…"]
    write(drafts[2], TOKENS[8:])
    assert await drafts[2].next_text() == " record high"
    drafts[2].abandon()
    assert not rounds.is_going


async def test_a_draft_that_nobody_reads_tells_its_end_alone() -> None:
    draft = make_draft(DraftRounds(HOURS), is_read=False)
    write(draft, TOKENS)
    assert draft.finish(complete=True) == TEXT
    assert await pieces_of(draft) == []


async def test_a_draft_that_was_left_before_its_first_word_came_through_begins_no_rounds() -> None:
    rounds = DraftRounds(HOURS)
    draft = make_draft(rounds)
    write(draft, TOKENS[:2])
    draft.abandon()
    await settle()
    assert draft.abandoned.is_set()
    assert not rounds.is_going


@pytest.mark.parametrize("each_s", [0.0, 0.002])
@given(words=st.lists(st.lists(st.sampled_from(TOKENS), max_size=20), min_size=1, max_size=4))
def test_nothing_is_lost_or_changes_its_order(each_s: float, words: list[list[str]]) -> None:
    async def run() -> None:
        rounds = DraftRounds(each_s)
        drafts = [make_draft(rounds) for _ in words]
        written: dict[int, str] = {}

        def write_all() -> None:
            for place, tokens in enumerate(words):
                write(drafts[place], tokens)
                written[place] = drafts[place].finish(complete=place % 2 == 0)

        thread = threading.Thread(target=write_all)
        thread.start()
        read = await asyncio.gather(*(pieces_of(draft) for draft in drafts))
        thread.join()
        assert ["".join(pieces) for pieces in read] == [written[place] for place in range(len(words))]
        assert all(piece for pieces in read for piece in pieces)
        assert not rounds.is_going

    asyncio.run(run())
