"""`CheckpointFile`: how far files were indexed, kept from one run of `gistwire ingest` to the next."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gistwire_client.errors import CheckpointError

_HASHED_BYTES = 64 * 1024
_BUSY_TIMEOUT_S = 10.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS checkpoints (
    destination TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    beginning TEXT NOT NULL,
    records INTEGER NOT NULL,
    line INTEGER,
    complete INTEGER NOT NULL,
    PRIMARY KEY (destination, path)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells a file from others, and from what it was before it changed.

    Attributes:
        path: absolute, without links.
        size: in bytes.
        modified_ns: time of the last change, in nanoseconds since 1970.
        beginning: SHA-256 of the first 64 KiB, in hexadecimal.
    """

    path: str
    size: int
    modified_ns: int
    beginning: str

    @classmethod
    def of(cls, path: Path) -> "FileIdentity":
        """Looks at a file. Blocks.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            beginning = hashlib.sha256(file.read(_HASHED_BYTES)).hexdigest()
        status = path.stat()
        return cls(str(path.resolve()), status.st_size, status.st_mtime_ns, beginning)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a file was acknowledged.

    Attributes:
        records: so many records from its beginning are settled: indexed, or kept as dead letters.
        line: line of the last of them, from 1; None for formats without lines, and for no records.
        complete: whether those are all.
    """

    records: int
    line: int | None
    complete: bool = False


class CheckpointFile:
    """Checkpoints in an SQLite file, which any number of processes may use at once. All methods block.

    A process that is killed at any moment leaves the file as it was before or after a change.

    Args:
        path: the file; made with its folder if it is missing.
        destination: where the articles go: checkpoints of one destination say nothing of others.

    Raises:
        CheckpointError: the file cannot be used. All methods may raise it.
    """

    def __init__(self, path: Path, destination: str) -> None:
        self._path = path
        self._destination = destination
        with self._explained_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._database.execute(_SCHEMA)

    def load(self, identity: FileIdentity) -> Checkpoint | None:
        """Returns how far a file was acknowledged; None if that is not known, or the file has changed since."""
        with self._explained_errors():
            row = self._database.execute(
                "SELECT records, line, complete FROM checkpoints WHERE destination = ? AND path = ?"
                " AND size = ? AND modified_ns = ? AND beginning = ?",
                (self._destination, identity.path, identity.size, identity.modified_ns, identity.beginning),
            ).fetchone()
        return None if row is None else Checkpoint(row[0], row[1], bool(row[2]))

    def store(self, identity: FileIdentity, checkpoint: Checkpoint) -> None:
        """Keeps how far a file was acknowledged, in place of what was known of its path."""
        with self._explained_errors():
            self._database.execute(
                "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._destination,
                    identity.path,
                    identity.size,
                    identity.modified_ns,
                    identity.beginning,
                    checkpoint.records,
                    checkpoint.line,
                    checkpoint.complete,
                ),
            )

    def forget(self, identity: FileIdentity) -> None:
        """Drops what is known of a path."""
        with self._explained_errors():
            self._database.execute(
                "DELETE FROM checkpoints WHERE destination = ? AND path = ?",
                (self._destination, identity.path),
            )

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    @contextmanager
    def _explained_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise CheckpointError(f"the checkpoints in {self._path} cannot be used: {error}") from error
