"""Tests of reading a split."""

from pathlib import Path

import pytest
from gistwire_training.data.split_pairs import SplitPairs, read_split
from gistwire_training.errors import RecipeError, TrainingDataError
from gistwire_training.pairs import Pair, Split, write_pairs

PAIR = Pair(id="1", headline="Storm cuts power", body="A storm cut power.")


def test_a_split_is_read_with_its_name(tmp_path: Path) -> None:
    write_pairs(tmp_path / "validation.jsonl", [PAIR])
    assert read_split(tmp_path, "validation") == SplitPairs("validation", (PAIR,))
    with pytest.raises(TrainingDataError, match=r"train\.jsonl is missing"):
        read_split(tmp_path, "train")


@pytest.mark.parametrize("split", ["validation", "test"])
def test_only_the_training_split_is_for_training(split: Split) -> None:
    assert SplitPairs("train", (PAIR,)).for_training() == (PAIR,)
    with pytest.raises(RecipeError, match=split):
        SplitPairs(split, (PAIR,)).for_training()
