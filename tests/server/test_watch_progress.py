from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from gistwire_indexer.index import IndexedArticle, IndexPosition
from gistwire_server.errors import ResumeTokenExpiredError, ResumeTokenInvalidError
from gistwire_server.paging import TokenSigner
from gistwire_server.watch_progress import (
    MAX_DELIVERED,
    MAX_SHOWN,
    MAX_TOKEN_CHARACTERS,
    WatchProgress,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.server.watch_bench import BEGIN, article, watching

SIGNER = TokenSigner(b"k" * 32, lifetime_s=600)
PLAN = watching()


def indexed(article_id: str, after_s: float = 1.0, *, duplicate_of: str | None = None) -> IndexedArticle:
    an_article = article(article_id)
    return IndexedArticle(
        an_article,
        an_article.revision(),
        BEGIN + timedelta(seconds=after_s),
        duplicate_of,
        np.zeros(3, dtype=np.float32),
    )


def reread(progress: WatchProgress) -> WatchProgress:
    token = progress.to_token(PLAN, SIGNER)
    return WatchProgress.from_token(token, PLAN, SIGNER, not_before=BEGIN)


def test_what_lies_before_the_position_or_was_shown_is_handled() -> None:
    progress = WatchProgress(IndexPosition(BEGIN))
    assert progress.mark_shown(indexed("a")) == "h1"
    assert progress.is_handled(indexed("a"))
    assert not progress.is_handled(indexed("b"))
    assert progress.is_handled(indexed("b", after_s=-1))
    corrected = replace(indexed("a"), revision="other")
    assert not progress.is_handled(corrected)


def test_what_the_position_has_passed_is_forgotten_and_handled() -> None:
    progress = WatchProgress(IndexPosition(BEGIN))
    for place, article_id in enumerate("abc", start=1):
        progress.mark_known(indexed(article_id, place))
    progress.advance(IndexPosition(BEGIN + timedelta(seconds=2), "b"))
    assert len(progress.delivered) == 1
    progress.advance(IndexPosition(BEGIN))
    assert all(progress.is_handled(indexed(article_id, place)) for place, article_id in enumerate("abc", 1))


def test_near_duplicates_of_the_articles_shown_last_are_known() -> None:
    progress = WatchProgress(IndexPosition(BEGIN))
    progress.mark_shown(indexed("a"))
    progress.mark_shown(indexed("copy", duplicate_of="b"))
    assert progress.repeats_shown(indexed("c", duplicate_of="a"))
    assert progress.repeats_shown(indexed("c", duplicate_of="b"))
    assert not progress.repeats_shown(indexed("copy", duplicate_of="b"))
    assert not progress.repeats_shown(indexed("c", duplicate_of="d"))
    assert not progress.repeats_shown(indexed("a"))
    for number in range(MAX_SHOWN):
        progress.mark_shown(indexed(f"n{number}"))
    assert not progress.repeats_shown(indexed("c", duplicate_of="a"))


@given(
    after_s=st.lists(st.floats(0.001, 300), max_size=10),
    ended=st.sets(st.integers(0, 9)),
    flags=st.tuples(st.booleans(), st.booleans()),
    position_id=st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
def test_a_token_holds_all_but_the_exact_places(
    after_s: list[float], ended: set[int], flags: tuple[bool, bool], position_id: str
) -> None:
    progress = WatchProgress(
        IndexPosition(BEGIN, position_id), past_shown=flags[0], caught_up=flags[1], hit_count=7
    )
    shown = [indexed(f"a{number}", seconds) for number, seconds in enumerate(after_s)]
    hit_ids = [progress.mark_shown(each) for each in shown]
    for number in ended:
        if number < len(hit_ids):
            progress.mark_ended(hit_ids[number])
    again = reread(progress)
    assert again.delivered.keys() == progress.delivered.keys()
    for digest, place in progress.delivered.items():
        assert timedelta(0) < again.delivered[digest].indexed - place.indexed <= timedelta(seconds=1)
    assert all(again.is_handled(each) for each in shown)
    # An article that is met again tells its exact place.
    assert again == progress


def test_the_fullest_token_is_short_enough() -> None:
    progress = WatchProgress(IndexPosition(BEGIN, "\U00020000" * 128), hit_count=10**9)
    for number in range(MAX_DELIVERED + 5):
        hit_id = progress.mark_shown(indexed(f"a{number}", number, duplicate_of=f"b{number}"))
        if number < MAX_DELIVERED - 95:
            progress.mark_ended(hit_id)
    assert len(progress.pending) == 100
    assert len(progress.delivered) == MAX_DELIVERED
    assert len(progress.to_token(PLAN, SIGNER)) <= MAX_TOKEN_CHARACTERS


def test_an_old_token_has_expired() -> None:
    token = WatchProgress(IndexPosition(BEGIN)).to_token(PLAN, SIGNER)
    WatchProgress.from_token(token, PLAN, SIGNER, not_before=BEGIN)
    with pytest.raises(ResumeTokenExpiredError, match="2026-11-01 12:01 UTC"):
        WatchProgress.from_token(token, PLAN, SIGNER, not_before=BEGIN + timedelta(minutes=1))


@given(st.data())
def test_a_token_that_was_changed_is_refused(data: st.DataObject) -> None:
    token = WatchProgress(IndexPosition(BEGIN)).to_token(PLAN, SIGNER)
    place = data.draw(st.integers(0, len(token) - 2))
    replaced = data.draw(st.sampled_from("ABab01-_").filter(lambda char: char != token[place]))
    with pytest.raises(ResumeTokenInvalidError):
        WatchProgress.from_token(
            f"{token[:place]}{replaced}{token[place + 1 :]}", PLAN, SIGNER, not_before=BEGIN
        )


def test_a_token_of_another_kind_is_refused() -> None:
    with pytest.raises(ResumeTokenInvalidError):
        WatchProgress.from_token(
            SIGNER.attribution_token("r", PLAN.search, ["a"]), PLAN, SIGNER, not_before=BEGIN
        )
