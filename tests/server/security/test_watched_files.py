"""Tests of files that are read again when they change."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog
from gistwire_server.errors import ConfigurationError
from gistwire_server.security.watched_files import CHECK_INTERVAL_S, WatchedFiles


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def joined(contents: Sequence[bytes]) -> str:
    text = b"".join(contents).decode()
    if "broken" in text:
        raise ConfigurationError("test: is broken")
    return text


def watched(folder: Path, clock: Clock | None = None) -> tuple[WatchedFiles[str], Path, Path]:
    first, second = folder / "first", folder / "second"
    first.write_text("a")
    second.write_text("b")
    return WatchedFiles("test", [first, second], joined, clock or Clock()), first, second


def test_what_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    files, _, _ = watched(tmp_path)
    assert files.content == "ab"
    assert not files.refresh()


def test_a_change_of_either_file_is_taken(tmp_path: Path) -> None:
    files, first, second = watched(tmp_path)
    first.write_text("longer")
    assert files.refresh()
    assert files.content == "longerb"
    second.write_text("other")
    assert files.refresh()
    assert files.content == "longerother"


def test_a_file_of_the_same_size_and_time_in_its_place_is_seen(tmp_path: Path) -> None:
    files, first, _ = watched(tmp_path)
    fresh = tmp_path / "fresh"
    fresh.write_text("c")
    found = first.stat()
    os.utime(fresh, ns=(found.st_atime_ns, found.st_mtime_ns))
    fresh.replace(first)
    assert files.refresh()
    assert files.content == "cb"


def test_a_link_that_is_turned_is_followed(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    link = tmp_path / "current"
    link.symlink_to("old")
    files = WatchedFiles("test", [link / "file"], joined)
    turned = tmp_path / "turned"
    turned.symlink_to("new")
    turned.replace(link)
    assert files.refresh()
    assert files.content == "new"


@pytest.mark.parametrize("removed", [True, False])
def test_what_cannot_be_used_leaves_what_was_read_before(tmp_path: Path, removed: bool) -> None:
    files, first, _ = watched(tmp_path)
    if removed:
        first.unlink()
    else:
        first.write_text("broken")
    with structlog.testing.capture_logs() as logged:
        assert not files.refresh()
        assert files.content == "ab"
        assert not files.refresh()
    # It is said once, not with every look.
    assert [each["event"] for each in logged] == ["file_not_taken"]
    first.write_text("good again")
    assert files.refresh()
    assert files.content == "good againb"


@pytest.mark.parametrize("removed", [True, False])
def test_at_first_it_is_an_error(tmp_path: Path, removed: bool) -> None:
    path = tmp_path / "file"
    if not removed:
        path.write_text("broken")
    with pytest.raises(ConfigurationError, match="test: "):
        WatchedFiles("test", [path], joined)


async def test_files_are_looked_at_once_in_a_while(tmp_path: Path) -> None:
    clock = Clock()
    files, first, _ = watched(tmp_path, clock)
    first.write_text("new")
    assert await files.current() == "ab"
    clock.now += CHECK_INTERVAL_S
    assert await files.current() == "newb"
