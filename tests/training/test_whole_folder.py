"""Tests of folders that are written whole or not at all."""

from pathlib import Path

import pytest
from gistwire_training.whole_folder import recover, written_whole


def write(folder: Path, text: str) -> None:
    with written_whole(folder) as partial:
        (partial / "file").write_text(text)


def test_a_folder_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    write(folder, "first")
    (folder / "left over").write_text("")
    write(folder, "second")
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert (folder / "file").read_text() == "second"
    assert list(folder.parent.iterdir()) == [folder]


def test_an_error_leaves_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write(folder, "first")
    with pytest.raises(KeyboardInterrupt), written_whole(folder) as partial:
        (partial / "file").write_text("second")
        raise KeyboardInterrupt
    assert (folder / "file").read_text() == "first"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_kill_while_writing_is_no_hindrance(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (tmp_path / "folder.partial").mkdir()
    (tmp_path / "folder.partial" / "half").write_text("")
    write(folder, "whole")
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_kill_between_taking_away_and_putting_there_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write(folder, "first")
    folder.rename(tmp_path / "folder.old")
    recover(folder)
    assert (folder / "file").read_text() == "first"
    recover(folder)
    assert (folder / "file").read_text() == "first"
