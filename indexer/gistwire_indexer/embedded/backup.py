"""Copies the files of an embedded index while servers and commands go on using them: `back_up`."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gistwire_indexer.embedded.database import explained_errors
from gistwire_indexer.errors import IndexUnavailableError

_BUSY_TIMEOUT_S = 30.0

# The key that signs tokens: without it, those that clients hold are refused after a restore.
_KEY_NAME = "token.key"


@dataclass(frozen=True, slots=True)
class BackedUpFile:
    """A file of a backup.

    Attributes:
        path: where it is in the folder, the same as in the folder that it was copied from.
        size_bytes: its size.
    """

    path: Path
    size_bytes: int


def back_up(folder: Path, target: Path) -> list[BackedUpFile]:
    """Copies all that is in a data folder: the articles and users of all tenants, and the key that signs tokens.

    Each file is copied as it is at one moment (SQLite's online backup), and checked; files of their own, such as
    articles and users, may be of different moments. Blocks.

    Args:
        folder: the data folder. What uses it may go on, and its writes are not held up.
        target: folder of the backup; made, and must hold nothing yet. It appears when all is in it.

    Raises:
        IndexUnavailableError: there is nothing to copy, or it cannot be read or written.
    """
    with explained_errors():
        if target.exists() and any(target.iterdir()):
            raise IndexUnavailableError(f"{target} holds something already")
        sources = sorted(folder.rglob("*.sqlite3"))
        if not sources:
            raise IndexUnavailableError(f"there is no index in {folder}")
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        copied = list(_copies(folder, sources, partial))
        if target.exists():
            target.rmdir()
        partial.rename(target)
        return copied


def _copies(folder: Path, sources: list[Path], target: Path) -> Iterator[BackedUpFile]:
    for source in sources:
        name = source.relative_to(folder)
        copy = target / name
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, copy)
        yield BackedUpFile(name, copy.stat().st_size)
    key = folder / _KEY_NAME
    if key.is_file():
        shutil.copy2(key, target / _KEY_NAME)
        yield BackedUpFile(Path(_KEY_NAME), key.stat().st_size)


def _copy(source: Path, copy: Path) -> None:
    uri = f"{source.absolute().as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S)) as reading,
        closing(sqlite3.connect(copy)) as writing,
    ):
        # All pages in one step: in several, a busy writer would have it begin anew each time.
        reading.backup(writing)
        # A file of its own, without a journal beside it.
        writing.execute("PRAGMA journal_mode = DELETE")
        [(found,)] = writing.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise IndexUnavailableError(f"the copy of {source} is damaged: {found}")
