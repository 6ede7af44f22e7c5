"""Tests of what is fetched once for each user."""

import os
from pathlib import Path

import pytest
from gistwire_models.user_cache import cached_folder, find_cached


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone, as a user who is not root has it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path


def make(folder: Path) -> None:
    folder.mkdir()
    (folder / "content").write_text("whole")


def test_a_folder_is_made_once(home: Path) -> None:
    folder = cached_folder("server-1", make)
    assert folder == home / "gistwire" / "server-1"
    assert (folder / "content").read_text() == "whole"

    def must_not_run(folder: Path) -> None:
        raise AssertionError

    assert cached_folder("server-1", must_not_run) == folder


def test_what_was_interrupted_is_made_anew(home: Path) -> None:
    def interrupted(folder: Path) -> None:
        folder.mkdir()
        (folder / "content").write_text("ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_folder("server-1", interrupted)
    assert (cached_folder("server-1", make) / "content").read_text() == "whole"
    assert {path.name for path in (home / "gistwire").iterdir()} == {".lock", "server-1"}


def test_looking_makes_nothing(home: Path) -> None:
    assert find_cached("server-1") is None
    assert list(home.iterdir()) == []
    assert cached_folder("server-1", make) == find_cached("server-1")
