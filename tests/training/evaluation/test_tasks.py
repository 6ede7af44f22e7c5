"""Tests of what systems may see, and of how pairs are drawn."""

import pytest
from gistwire_training.evaluation.tasks import (
    Task,
    article_of,
    is_usable,
    reference_of,
    select_pairs,
    visible_part,
)
from gistwire_training.pairs import Pair, split_of

PAIR = Pair(id="1", headline="Bridge approved", body="The council approved it.", summary="A bridge comes.")


def test_for_a_summary_headline_and_body_are_visible() -> None:
    assert reference_of(PAIR, "summary") == "A bridge comes."
    assert visible_part(PAIR, "summary") == Pair(id="1", headline="Bridge approved", body=PAIR.body)
    assert article_of(PAIR, "summary") == "Bridge approved\nThe council approved it."


def test_for_a_headline_only_the_body_is_visible() -> None:
    assert reference_of(PAIR, "headline") == "Bridge approved"
    assert visible_part(PAIR, "headline") == Pair(id="1", headline="", body=PAIR.body)
    assert article_of(PAIR, "headline") == PAIR.body


@pytest.mark.parametrize(
    ("pair", "task", "usable"),
    [
        (PAIR, "summary", True),
        (Pair(id="1", headline="H", body="B"), "summary", False),
        (Pair(id="1", headline="H", body="B"), "headline", True),
        (Pair(id="1", headline="H"), "headline", False),
        (Pair(id="1", headline=" ", body="B"), "headline", False),
    ],
)
def test_a_usable_pair_has_a_reference_and_a_body(pair: Pair, task: Task, usable: bool) -> None:
    assert is_usable(pair, task) is usable


def test_pairs_are_drawn_from_the_split_for_each_source() -> None:
    pool = [
        Pair(id=f"{source}-{number}", headline="H", body="B" if number % 2 else "", source=source)
        for source in ("b", "a")
        for number in range(300)
    ]
    drawn = select_pairs(pool, "headline", per_source=5)
    assert [pair.source for pair in drawn] == ["a"] * 5 + ["b"] * 5
    assert all(split_of(pair.id) == "test" and pair.body for pair in drawn)
    assert select_pairs(reversed(pool), "headline", per_source=5) == drawn
    assert select_pairs(pool, "headline", per_source=5, seed=1) != drawn
    assert all(
        split_of(pair.id) == "validation"
        for pair in select_pairs(pool, "headline", per_source=5, split="validation")
    )


def test_a_source_with_fewer_pairs_gives_all_it_has() -> None:
    pool = [Pair(id=str(number), headline="H", body="B") for number in range(60)]
    assert len(select_pairs(pool, "headline", per_source=1000)) == sum(
        split_of(pair.id) == "test" for pair in pool
    )
