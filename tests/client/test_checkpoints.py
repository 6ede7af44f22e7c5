"""Tests of gistwire_client.checkpoints."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from gistwire_client.checkpoints import Checkpoint, CheckpointFile, FileIdentity
from gistwire_client.errors import CheckpointError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "news.jsonl"
    path.write_text("x" * 100_000)
    return path


@pytest.fixture
def checkpoints(tmp_path: Path) -> Iterator[CheckpointFile]:
    file = CheckpointFile(tmp_path / "state" / "checkpoints.db", "news.example:50051")
    yield file
    file.close()


def test_a_checkpoint_is_found_again_by_another_process(
    checkpoints: CheckpointFile, source: Path, tmp_path: Path
) -> None:
    identity = FileIdentity.of(source)
    assert checkpoints.load(identity) is None
    checkpoints.store(identity, Checkpoint(5, 6))
    checkpoints.store(identity, Checkpoint(7, 9, complete=True))
    again = CheckpointFile(tmp_path / "state" / "checkpoints.db", "news.example:50051")
    assert again.load(FileIdentity.of(source)) == Checkpoint(7, 9, complete=True)
    again.close()


def test_a_checkpoint_without_a_line(checkpoints: CheckpointFile, source: Path) -> None:
    checkpoints.store(FileIdentity.of(source), Checkpoint(5, None))
    assert checkpoints.load(FileIdentity.of(source)) == Checkpoint(5, None)


def test_checkpoints_of_another_destination_say_nothing(
    checkpoints: CheckpointFile, source: Path, tmp_path: Path
) -> None:
    checkpoints.store(FileIdentity.of(source), Checkpoint(5, 6))
    other = CheckpointFile(tmp_path / "state" / "checkpoints.db", "other.example:50051")
    assert other.load(FileIdentity.of(source)) is None
    other.close()


def test_a_file_that_changed_is_another(checkpoints: CheckpointFile, source: Path) -> None:
    identity, status = FileIdentity.of(source), source.stat()
    checkpoints.store(identity, Checkpoint(5, 6))
    source.write_text("y" + "x" * 99_999)
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert checkpoints.load(FileIdentity.of(source)) is None
    source.write_text("x" * 100_000)
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert checkpoints.load(FileIdentity.of(source)) is None
    source.write_text("x" * 100_001)
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert checkpoints.load(FileIdentity.of(source)) is None


def test_a_link_is_the_file_that_it_leads_to(source: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to(source)
    assert FileIdentity.of(link) == FileIdentity.of(source)


def test_what_is_forgotten_is_gone(checkpoints: CheckpointFile, source: Path) -> None:
    identity = FileIdentity.of(source)
    checkpoints.store(identity, Checkpoint(5, 6))
    checkpoints.forget(identity)
    assert checkpoints.load(identity) is None


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text("no database " * 100)
    with pytest.raises(CheckpointError, match=r"news\.jsonl cannot be used"):
        CheckpointFile(path, "news.example:50051")


def test_a_folder_that_cannot_be_made_is_refused(source: Path) -> None:
    with pytest.raises(CheckpointError):
        CheckpointFile(source / "checkpoints.db", "news.example:50051")
