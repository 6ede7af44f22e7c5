"""Tests of how old and new pairs are mixed."""

import hashlib
import random
from pathlib import Path

import msgspec
import pytest
from gistwire_training.errors import RecipeError, TrainingDataError
from gistwire_training.pairs import Pair, Split, split_of, write_pairs
from gistwire_training.registry import MixtureOptions, SplitCounts, hash_pairs, mix
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.registry.conftest import PreparedMaker


def article(number: int, *, id_: str | None = None) -> Pair:
    """An article that is like no other one of another number."""
    words = random.Random(number).choices("abcdefghijklmnopqrstuvwxyz", k=400)
    body = " ".join("".join(words[place : place + 5]) for place in range(0, 400, 5))
    return Pair(
        id=id_ or f"id{number}", headline=f"Headline {number}", body=body, summary=f"Summary {number}"
    )


def ids(pairs: tuple[Pair, ...]) -> set[str]:
    return {pair.id for pair in pairs}


def articles(numbers: range) -> dict[Split, list[Pair]]:
    """Articles, each in the split of its identifier."""
    splits: dict[Split, list[Pair]] = {"train": [], "validation": [], "test": []}
    for number in numbers:
        splits[split_of(f"id{number}")].append(article(number))
    return splits


def test_the_wanted_share_of_old_pairs_is_mixed_in(make_prepared: PreparedMaker) -> None:
    old, new = articles(range(200)), articles(range(200, 230))
    mixture = mix(
        make_prepared("new", new),
        [make_prepared("old", old)],
        MixtureOptions(old_share=0.75, max_held_out=10_000),
    )
    for split in ("train", "validation"):
        fresh = len(new[split])
        drawn = min(3 * fresh, len(old[split]))
        assert mixture.counts[split] == SplitCounts(new=fresh, old=drawn)
        assert len(mixture.pairs[split]) == fresh + drawn
        assert {pair.id for pair in new[split]} <= ids(mixture.pairs[split])
    assert ids(mixture.pairs["test"]) == {pair.id for pair in old["test"] + new["test"]}
    assert mixture.dropped == 0


def test_without_old_pairs_all_are_new(make_prepared: PreparedMaker) -> None:
    new = articles(range(40))
    mixture = mix(make_prepared("new", new), [], MixtureOptions())
    assert mixture.counts["train"] == SplitCounts(new=len(new["train"]), old=0)


def test_the_draw_depends_on_the_seed_alone(make_prepared: PreparedMaker) -> None:
    old = make_prepared("old", articles(range(100)))
    new = make_prepared("new", articles(range(100, 120)))
    first = mix(new, [old], MixtureOptions(max_held_out=4))
    assert mix(new, [old], MixtureOptions(max_held_out=4)) == first
    assert len(first.pairs["test"]) == 4
    assert ids(mix(new, [old], MixtureOptions(seed=1)).pairs["train"]) != ids(first.pairs["train"])


def test_articles_without_summaries_take_no_place_among_the_held_out(make_prepared: PreparedMaker) -> None:
    unsummarized = [msgspec.structs.replace(article(number), summary="") for number in range(50)]
    old = make_prepared("old", {"test": [*unsummarized, article(50), article(51)]})
    new = make_prepared("new", {"train": [article(60)], "test": unsummarized[:1]})
    assert ids(mix(new, [old], MixtureOptions(max_held_out=4)).pairs["test"]) == {"id50", "id51"}
    none_summarized = make_prepared("none", {"test": unsummarized})
    assert len(mix(new, [none_summarized], MixtureOptions(max_held_out=4)).pairs["test"]) == 4


def test_an_old_test_article_is_not_trained_on_under_any_name(make_prepared: PreparedMaker) -> None:
    held_out = article(1)
    corrected = Pair(id="id1", headline=held_out.headline, body=article(2).body)
    repeat_of_corrected = article(2, id_="repeat of the corrected one")
    copied = article(1, id_="copy")
    old = make_prepared("old", {"test": [held_out], "train": [article(5)]})
    new = make_prepared(
        "new", {"train": [corrected, repeat_of_corrected, article(3)], "validation": [copied, article(4)]}
    )
    mixture = mix(new, [old], MixtureOptions())
    assert ids(mixture.pairs["test"]) == {"id1"}
    assert ids(mixture.pairs["train"]) == {"id3", "id5"}
    assert ids(mixture.pairs["validation"]) == {"id4"}
    assert mixture.dropped == 3


def test_what_was_trained_on_is_not_measured_on(make_prepared: PreparedMaker) -> None:
    oldest = make_prepared("oldest", {"train": [article(1)], "test": [article(9)]})
    old = make_prepared("old", {"train": [article(2)], "test": [article(1, id_="copy of 1")]})
    new = make_prepared("new", {"train": [article(3)], "test": [article(2, id_="copy of 2"), article(4)]})
    mixture = mix(new, [oldest, old], MixtureOptions())
    assert ids(mixture.pairs["test"]) == {"id4", "id9"}
    assert mixture.dropped == 2


def test_of_one_identifier_the_newest_text_is_taken(make_prepared: PreparedMaker) -> None:
    old = make_prepared("old", {"train": [article(1), article(2)], "test": [article(3)]})
    corrected = Pair(id="id1", headline="Corrected", body=article(4).body)
    mixture = mix(make_prepared("new", {"train": [corrected]}), [old], MixtureOptions(old_share=0.9))
    assert [pair for pair in mixture.pairs["train"] if pair.id == "id1"] == [corrected]
    assert mixture.counts["train"] == SplitCounts(new=1, old=1)


def test_too_little_is_refused(make_prepared: PreparedMaker) -> None:
    trained = make_prepared("trained", {"train": [article(1)]})
    measured = make_prepared("measured", {"test": [article(1)]})
    with pytest.raises(TrainingDataError, match="no pair to train on"):
        mix(measured, [], MixtureOptions())
    with pytest.raises(TrainingDataError, match="no pair to train on"):
        mix(trained, [measured], MixtureOptions())
    with pytest.raises(TrainingDataError, match="no test pair"):
        mix(trained, [], MixtureOptions())


@pytest.mark.parametrize("option", [{"old_share": 1.0}, {"old_share": -0.1}, {"max_held_out": 0}])
def test_an_option_out_of_its_range_is_refused(option: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=next(iter(option))):
        MixtureOptions(**option)  # type: ignore[arg-type]


def test_the_hash_of_pairs_is_that_of_their_file(tmp_path: Path) -> None:
    pairs = [article(1), article(2)]
    write_pairs(tmp_path / "pairs.jsonl", pairs)
    assert hash_pairs(pairs) == hashlib.sha256((tmp_path / "pairs.jsonl").read_bytes()).hexdigest()
    assert hash_pairs(pairs[::-1]) != hash_pairs(pairs)


PLACED = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["train", "validation", "test"]), st.integers(0, 8)),
    max_size=20,
)


@settings(max_examples=40)
@given(placed=PLACED)
def test_no_story_is_both_trained_and_measured_on_however_the_folders_disagree(
    tmp_path: Path, placed: list[tuple[int, Split, int]]
) -> None:
    # 100 is new and trained on, and 101 is measured on, so that something is left of each.
    placed = [(0, "test", 101), *placed, (2, "train", 100)]
    folders = [tmp_path / f"folder{place}" for place in range(3)]
    for place, folder in enumerate(folders):
        folder.mkdir(exist_ok=True)
        for split in ("train", "validation", "test"):
            chosen = [
                article(number, id_=f"{number} of {place}")
                for at, of, number in placed
                if (at, of) == (place, split)
            ]
            write_pairs(folder / f"{split}.jsonl", chosen)
    mixture = mix(folders[2], folders[:2], MixtureOptions(old_share=0.9))
    stories = {split: {pair.headline for pair in pairs} for split, pairs in mixture.pairs.items()}
    assert not stories["train"] & stories["test"]
    assert not stories["validation"] & stories["test"]
    assert not stories["train"] & stories["validation"]
