"""Tests of backups of the embedded index, taken while another process writes."""

import json
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from gistwire_indexer.embedded import EmbeddedIndex
from gistwire_indexer.embedded.backup import back_up
from gistwire_indexer.errors import IndexUnavailableError

from tests.indexer.article_index_contract import DIMENSION, MODEL

WRITER = Path(__file__).with_name("writer_process.py")


async def made_index(folder: Path) -> None:
    await (await EmbeddedIndex.open(folder, model=MODEL, dimension=DIMENSION)).close()


def articles_in(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "index.sqlite3")) as connection:
        return {name for (name,) in connection.execute("SELECT id FROM articles")}


def test_what_was_acknowledged_before_is_in_it_while_writing_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        acknowledged: set[str] = set()
        for backup in range(5):
            acknowledged |= {f"{backup}-{number}" for number in range(50)}
            writer.stdin.write(json.dumps({"write": [f"{backup}-{number}" for number in range(50)]}) + "\n")
            writer.stdin.flush()
            writer.stdout.readline()
            # This write is under way meanwhile: all of it or nothing may be in the copy.
            following = {f"{backup}-next-{number}" for number in range(50)}
            writer.stdin.write(json.dumps({"write": sorted(following)}) + "\n")
            writer.stdin.flush()
            back_up(folder, tmp_path / f"backup-{backup}")
            found = articles_in(tmp_path / f"backup-{backup}")
            assert found in (acknowledged, acknowledged | following)
            writer.stdout.readline()
            acknowledged |= following
        writer.stdin.close()


async def test_it_holds_all_files_that_only_their_owner_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for tenant in (folder, folder / "tenants" / "red"):
        await made_index(tenant)
    (folder / "token.key").write_bytes(b"key")
    files = back_up(folder, tmp_path / "backup")
    assert {str(file.path) for file in files} == {"index.sqlite3", "tenants/red/index.sqlite3", "token.key"}
    for file in files:
        copy = tmp_path / "backup" / file.path
        assert copy.stat().st_size == file.size_bytes > 0
    assert stat.S_IMODE((tmp_path / "backup" / "index.sqlite3").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    # Each is whole by itself: nothing that belongs to it is in a journal.
    assert not [path for path in (tmp_path / "backup").rglob("*") if path.name.endswith(("-wal", "-shm"))]
    assert (tmp_path / "backup" / "token.key").read_bytes() == b"key"


async def test_one_that_was_broken_off_is_begun_anew(tmp_path: Path) -> None:
    await made_index(tmp_path / "data")
    left = tmp_path / "backup.partial"
    left.mkdir()
    (left / "index.sqlite3").write_bytes(b"half of it")
    back_up(tmp_path / "data", tmp_path / "backup")
    assert articles_in(tmp_path / "backup") == set()
    assert not left.exists()


def test_a_folder_without_an_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError, match="there is no index"):
        back_up(tmp_path, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


async def test_a_damaged_index_gives_no_backup(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await made_index(folder)
    path = folder / "index.sqlite3"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(IndexUnavailableError):
        back_up(folder, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
