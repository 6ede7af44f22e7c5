"""Tests of the versions in a model repository."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gistwire_models.shipped import default_summarizer_folder
from gistwire_training.errors import CheckpointError
from gistwire_training.registry import (
    add_version,
    list_versions,
    read_version,
    record_checksums,
    verify_version,
)

from tests.training.registry.conftest import ModelMaker

ADD_AND_DIE_BEFORE_RENAMING = """
import os
import sys
from pathlib import Path
from gistwire_training.registry import add_version

os.rename = lambda *_: os._exit(9)
add_version(Path(sys.argv[1]), "summarizer", Path(sys.argv[2]))
"""


def contents(folder: Path) -> dict[str, bytes]:
    """Each file of a folder, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_versions_are_numbered_from_one_and_hold_what_was_added(
    tmp_path: Path, make_model: ModelMaker
) -> None:
    repo = tmp_path / "repo"
    models = [make_model("a"), make_model("b")]
    assert [add_version(repo, "summarizer", model) for model in models] == [1, 2]
    assert add_version(repo, "encoder", models[0]) == 1
    versions = list_versions(repo, "summarizer")
    assert [(each.number, str(each.model)) for each in versions] == [(1, "tiny@a"), (2, "tiny@b")]
    for model, version in zip(models, versions, strict=True):
        stored = contents(version.folder)
        del stored["checksums.json"]
        assert stored == contents(model)
        assert version.checksums is not None
        assert {name: each.size_bytes for name, each in version.checksums.items()} == {
            name: len(content) for name, content in stored.items()
        }
        verify_version(version)


def test_versions_are_in_order_of_their_numbers_and_other_folders_are_passed_over(
    tmp_path: Path, make_model: ModelMaker
) -> None:
    parent = tmp_path / "repo" / "summarizer"
    parent.mkdir(parents=True)
    for name in ("10", "9", "02", "0", "1x", ".staging-1", "٣"):
        shutil.copytree(make_model(name), parent / name)
    (parent / "11").write_text("no folder", encoding="utf-8")
    assert [version.number for version in list_versions(parent.parent, "summarizer")] == [9, 10]
    assert list_versions(parent.parent, "encoder") == []


def test_a_number_is_never_given_twice_though_one_before_was_removed(
    repo: Path, make_model: ModelMaker
) -> None:
    shutil.rmtree(repo / "summarizer" / "1")
    before = contents(repo)
    assert add_version(repo, "summarizer", make_model("c")) == 3
    after = contents(repo)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("step", ["copytree", "rename"])
def test_an_error_on_the_way_leaves_the_repository_as_it_was(
    repo: Path, make_model: ModelMaker, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = contents(repo)
    model = make_model("c")

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(shutil if step == "copytree" else os, step, fail)
    with pytest.raises(CheckpointError, match="no space left"):
        add_version(repo, "summarizer", model)
    monkeypatch.undo()
    assert contents(repo) == before
    assert sorted(path.name for path in (repo / "summarizer").iterdir()) == ["1", "2"]
    assert add_version(repo, "summarizer", model) == 3


def test_a_kill_before_the_renaming_leaves_no_version_and_its_copy_is_removed_by_the_next(
    repo: Path, make_model: ModelMaker
) -> None:
    command = [sys.executable, "-c", ADD_AND_DIE_BEFORE_RENAMING, str(repo), str(make_model("c"))]
    assert subprocess.run(command, check=False).returncode == 9
    assert [path.name for path in (repo / "summarizer").glob(".staging-*")] != []
    assert [version.number for version in list_versions(repo, "summarizer")] == [1, 2]
    assert add_version(repo, "summarizer", make_model("d")) == 3
    assert sorted(path.name for path in (repo / "summarizer").iterdir()) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.bin").write_bytes(b"weights of z"), "model.bin differs"),
        (lambda folder: (folder / "model.bin").unlink(), "model.bin is missing"),
        (lambda folder: (folder / "vocabulary" / "vmap.txt").touch(), "vocabulary/vmap.txt was added"),
        (lambda folder: (folder / "checksums.json").unlink(), "checksums.json is missing"),
    ],
)
def test_verification_names_what_is_wrong(repo: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(repo / "summarizer" / "1")
    with pytest.raises(CheckpointError, match=message):
        verify_version(read_version(repo, "summarizer", 1))
    verify_version(read_version(repo, "summarizer", 2))


def test_a_new_version_is_served_by_the_code_of_the_one_before_which_is_not_checked(
    repo: Path, make_model: ModelMaker
) -> None:
    for number in (1, 2):
        (repo / "summarizer" / str(number) / "model.py").write_text(f"served = {number}\n")
    added = read_version(repo, "summarizer", add_version(repo, "summarizer", make_model("c")))
    assert (added.folder / "model.py").read_text() == "served = 2\n"
    assert "model.py" not in (added.checksums or {})
    (added.folder / "model.py").write_text("served = 4\n")
    verify_version(added)


def test_what_python_leaves_beside_a_module_is_not_checked(repo: Path) -> None:
    cache = repo / "summarizer" / "1" / "__pycache__"
    cache.mkdir()
    (cache / "model.cpython-311.pyc").write_bytes(b"")
    verify_version(read_version(repo, "summarizer", 1))


@pytest.mark.parametrize("file", ["gistwire.json", "checksums.json"])
def test_a_file_about_a_version_that_is_no_json_is_refused(repo: Path, file: str) -> None:
    (repo / "summarizer" / "1" / file).write_bytes(b"{\xff")
    with pytest.raises(CheckpointError, match=file):
        read_version(repo, "summarizer", 1)


def test_a_missing_version_is_refused(repo: Path) -> None:
    with pytest.raises(CheckpointError, match="summarizer has no version 3"):
        read_version(repo, "summarizer", 3)


def test_a_folder_without_a_description_is_not_added(repo: Path, make_model: ModelMaker) -> None:
    model = make_model("c")
    (model / "gistwire.json").unlink()
    with pytest.raises(CheckpointError, match=r"gistwire\.json"):
        add_version(repo, "summarizer", model)
    assert len(list_versions(repo, "summarizer")) == 2


def test_checksums_that_a_folder_came_with_are_kept_and_checked(repo: Path, make_model: ModelMaker) -> None:
    model = make_model("c")
    record_checksums(model)
    assert add_version(repo, "summarizer", model) == 3
    (model / "model.bin").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"model\.bin differs"):
        add_version(repo, "summarizer", model)
    assert len(list_versions(repo, "summarizer")) == 3


def test_recorded_checksums_are_not_replaced(repo: Path) -> None:
    before = contents(repo)
    with pytest.raises(CheckpointError, match="not replaced"):
        record_checksums(repo / "summarizer" / "1")
    assert contents(repo) == before


def test_the_summarizer_in_this_repository_is_as_it_was_recorded() -> None:
    version = read_version(default_summarizer_folder().parents[1], "summarizer", 1)
    verify_version(version)
    assert version.checksums is not None
    assert max(each.size_bytes for each in version.checksums.values()) < 40_000_000
