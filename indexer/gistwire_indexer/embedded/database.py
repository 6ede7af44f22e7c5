"""The SQLite file of an embedded index: schema, connections, what errors mean; used by `Storage`."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gistwire_models.encoder import ModelVersion

from gistwire_indexer.errors import IndexFormatError, IndexUnavailableError

FILE_NAME = "index.sqlite3"

# To be raised also when `analyze` comes to give other terms: the terms of articles are stored.
_SCHEMA_VERSION = 1

# What a start reads comes first in a row, so that it need not follow the pages of long bodies.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE articles (
    number INTEGER PRIMARY KEY,       -- order of first indexing
    change INTEGER NOT NULL UNIQUE,   -- number of the last write that touched the article
    id TEXT NOT NULL UNIQUE,
    revision TEXT NOT NULL,
    source TEXT NOT NULL,
    language TEXT NOT NULL,
    category TEXT NOT NULL,
    published INTEGER,                -- microseconds since the Unix epoch
    indexed INTEGER NOT NULL,         -- microseconds since the Unix epoch
    duplicate_of TEXT,
    embedding BLOB NOT NULL,          -- little-endian float16 [dimension]
    frequencies BLOB NOT NULL,        -- little-endian uint32 [distinct terms, 2]: term number, occurrences
    headline TEXT NOT NULL,
    url TEXT NOT NULL,
    metadata TEXT NOT NULL,           -- JSON object
    body TEXT NOT NULL
);

CREATE TABLE deletions (id TEXT PRIMARY KEY, change INTEGER NOT NULL UNIQUE) WITHOUT ROWID;

CREATE TABLE terms (number INTEGER PRIMARY KEY, term TEXT NOT NULL UNIQUE);

CREATE TABLE fingerprints (
    value INTEGER NOT NULL, article INTEGER NOT NULL, PRIMARY KEY (value, article)
) WITHOUT ROWID;
CREATE INDEX fingerprints_by_article ON fingerprints (article);

CREATE TABLE summaries (
    article INTEGER NOT NULL,
    model TEXT NOT NULL,
    text TEXT NOT NULL,
    origin TEXT NOT NULL,
    log_probability REAL,
    embedding BLOB,
    PRIMARY KEY (article, model)
) WITHOUT ROWID;
"""

# They change nothing but speed, so files of the same schema get them when they are opened.
_ORDERS = (
    "CREATE INDEX IF NOT EXISTS articles_by_indexed ON articles (indexed, id)",
    "CREATE INDEX IF NOT EXISTS articles_by_age ON articles (coalesce(published, indexed))",
)


@contextmanager
def explained_errors() -> Iterator[None]:
    """Turns errors of SQLite and of the file system into IndexUnavailableError with a message for people."""
    try:
        yield
    except sqlite3.Error as error:
        raise IndexUnavailableError(_explanation(error)) from error
    except OSError as error:
        raise IndexUnavailableError(f"the index cannot be reached on disk: {error}") from error


@contextmanager
def write_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Holds the write lock of the file; commits durably at the end, or leaves the file as it was."""
    with explained_errors():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def create_file(folder: Path, name: str = FILE_NAME) -> Path:
    """Makes the folder (mode 0700) and an empty file (0600) where they are missing; returns the file."""
    with explained_errors():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        # SQLite gives its journal files the mode of the main file.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        return path


def connect(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """Opens a connection that any thread may use, one at a time; transactions are begun explicitly."""
    with explained_errors():
        connection = sqlite3.connect(
            path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # In WAL mode only FULL syncs at each commit, so that a power cut loses nothing acknowledged.
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def ensure_schema(connection: sqlite3.Connection, model: ModelVersion, dimension: int) -> None:
    """Creates the tables in an empty file, or checks that those that are there suit.

    Raises:
        IndexFormatError: the file was written by a newer version, or for another encoder.
    """
    with write_transaction(connection):
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone() is None:
            _create_schema(connection, model, dimension)
        for statement in _ORDERS:
            connection.execute(statement)
        meta: dict[str, str] = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    schema_version = int(meta["schema_version"])
    if schema_version > _SCHEMA_VERSION:
        raise IndexFormatError(
            f"the index has schema {schema_version}; this version of Gistwire knows up to {_SCHEMA_VERSION}"
        )
    written_for = (meta["model"], int(meta["dimension"]))
    if written_for != (str(model), dimension):
        raise IndexFormatError(
            f"the index was written for the encoder {written_for[0]} with {written_for[1]} dimensions, not "
            f"for {model} with {dimension}: use another folder, or index the articles anew"
        )


def _create_schema(connection: sqlite3.Connection, model: ModelVersion, dimension: int) -> None:
    # Statement by statement: `executescript` would commit first and so give up the lock.
    for statement in _SCHEMA.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.executemany(
        "INSERT INTO meta (key, value) VALUES (?, ?)",
        [
            ("schema_version", str(_SCHEMA_VERSION)),
            ("model", str(model)),
            ("dimension", str(dimension)),
            ("last_change", "0"),
        ],
    )


def _explanation(error: sqlite3.Error) -> str:
    # The low byte is the primary code: https://sqlite.org/rescode.html
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "the disk that holds the index is full"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another process has been writing to the index for too long"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return f"the index file is damaged: {error}"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return f"the index file cannot be opened for writing: {error}"
        case sqlite3.SQLITE_IOERR:
            return "the disk that holds the index does not take or give data; it may be full"
    return f"the index file cannot be used: {error}"
