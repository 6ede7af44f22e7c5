"""Tests of gistwire_training.pairs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import Pair, read_pairs, read_prepared, split_of, write_pairs


def test_splits_go_by_the_identifier() -> None:
    splits = [split_of(f"id{number}") for number in range(5000)]
    assert [round(splits.count(split) / 5000, 1) for split in ("train", "validation", "test")] == [
        0.8,
        0.1,
        0.1,
    ]


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    pairs = [
        Pair(id="a", headline="Storm", body="A storm\nhit.", summary="Hit."),
        Pair(id="b", headline="雨"),
    ]
    assert write_pairs(tmp_path / "pairs.jsonl", pairs) == 2
    assert list(read_pairs(tmp_path / "pairs.jsonl")) == pairs


def test_a_line_that_is_no_pair_is_named(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"id": "a", "headline": "x"}\n\n{"id": 3}\n')
    with pytest.raises(TrainingDataError, match="line 3"):
        list(read_pairs(tmp_path / "pairs.jsonl"))


def test_a_failed_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    write_pairs(path, [Pair(id="a", headline="x")])

    def failing() -> Iterator[Pair]:
        yield Pair(id="b", headline="y")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_pairs(path, failing())
    assert [pair.id for pair in read_pairs(path)] == ["a"]


def test_prepared_folders_are_read_one_after_the_other(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        write_pairs(folder / "train.jsonl", [Pair(id=folder.name, headline="Bridge shut")])
    assert [pair.id for pair in read_prepared(folders, "train")] == ["one", "two"]
    with pytest.raises(TrainingDataError, match=r"test\.jsonl is missing"):
        read_prepared(folders, "test")
