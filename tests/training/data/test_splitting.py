"""Tests of splitting: no story stands on two sides, whatever the order."""

import random

import pytest
from gistwire_indexer import deduplication
from gistwire_training.data import splitting
from gistwire_training.data.splitting import assign_splits, group_near_duplicates
from gistwire_training.pairs import split_of
from hypothesis import given, settings
from hypothesis import strategies as st

# Each story of 24 words; copies of it differ in one.
_WORDS = [
    f"{first}{second}" for first in ("ka", "lo", "mi", "nu", "pe") for second in ("ra", "so", "ti", "vu")
]


def story(number: int) -> str:
    return " ".join(random.Random(number).choices(_WORDS, k=24))


def copy_of(text: str, number: int) -> str:
    return f"{text} and{number}"


@st.composite
def corpora(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, int]]:
    """Texts by identifier, and of which story each is a copy."""
    ids = draw(st.lists(st.text(min_size=1, max_size=6), unique=True, min_size=1, max_size=30))
    stories = {id_: draw(st.integers(0, 6)) for id_ in ids}
    return {id_: copy_of(story(number), draw(st.integers(0, 9))) for id_, number in stories.items()}, stories


@settings(max_examples=60)
@given(corpora(), st.randoms(use_true_random=False))
def test_copies_share_a_split_and_the_order_does_not_matter(
    corpus: tuple[dict[str, str], dict[str, int]], shuffler: random.Random
) -> None:
    texts, stories = corpus
    splits = assign_splits(group_near_duplicates(texts))
    for id_, number in stories.items():
        smallest = min(other for other, its_story in stories.items() if its_story == number)
        assert splits[id_] == split_of(smallest)
    shuffled = list(texts.items())
    shuffler.shuffle(shuffled)
    assert assign_splits(group_near_duplicates(dict(shuffled))) == splits


def test_groups_are_joined_along_chains_of_similar_articles() -> None:
    words = story(1).split()
    changed = [
        " ".join([*(f"x{place}" for place in range(count)), *words[count:]]) for count in (0, 4, 8, 12)
    ]
    texts = dict(zip("dbca", changed, strict=True))
    assert deduplication.similarity(texts["d"], texts["a"]) < deduplication.NEAR_DUPLICATE_THRESHOLD
    assert set(group_near_duplicates(texts).values()) == {"a"}


def test_texts_too_short_for_a_fingerprint_are_joined_only_if_they_are_the_same() -> None:
    texts = {"a": "Profit  Up", "b": "profit up", "c": "profit down"}
    assert group_near_duplicates(texts) == {"a": "a", "b": "a", "c": "c"}


def test_a_crowd_that_shares_a_wording_is_joined_without_being_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0

    def count(first: str, second: str) -> float:
        nonlocal compared
        compared += 1
        return 0.0

    monkeypatch.setattr(splitting, "similarity", count)
    texts = {f"{number:03}": story(1) for number in range(splitting._MAX_COMPARED + 1)}
    assert set(group_near_duplicates(texts).values()) == {"000"}
    assert compared == 0


def test_splits_have_their_shares() -> None:
    splits = list(assign_splits(group_near_duplicates({str(n): f"{n} a" for n in range(2_000)})).values())
    assert 0.77 < splits.count("train") / len(splits) < 0.83
    assert 0.08 < splits.count("test") / len(splits) < 0.12
