"""Tests of gistwire_client.watch_state."""

from pathlib import Path

import pytest
from gistwire_client.errors import CheckpointError
from gistwire_client.watch_state import WatchState


def test_the_last_token_is_kept(tmp_path: Path) -> None:
    state = WatchState(tmp_path / "watch.token")
    assert state.load() == ""
    state.save("first")
    state.save("x" * 4_096)
    assert state.load() == "x" * 4_096
    assert [path.name for path in tmp_path.iterdir()] == ["watch.token"]


@pytest.mark.parametrize("content", [b"x" * 5_000, "ä".encode()])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "watch.token"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"watch\.token"):
        WatchState(path).load()


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "watch.token"):
        with pytest.raises(CheckpointError, match="cannot be written"):
            WatchState(path).save("t")
    with pytest.raises(CheckpointError, match="cannot be read"):
        WatchState(tmp_path).load()
