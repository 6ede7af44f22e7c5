"""The SQLite file that holds the users of one tenant; used by `EmbeddedUserEvents`."""

import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gistwire_indexer.embedded.database import connect, create_file, explained_errors, write_transaction
from gistwire_indexer.encoding import from_microseconds, to_microseconds
from gistwire_indexer.errors import IndexFormatError, IndexUnavailableError
from gistwire_indexer.user_events import EventKind, Rating, UserEvent, opinion, popularity_weight

FILE_NAME = "users.sqlite3"

_SCHEMA_VERSION = 1

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE IF NOT EXISTS events (
        user_id TEXT NOT NULL,
        event_id TEXT NOT NULL,
        article_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        occurred INTEGER NOT NULL,        -- microseconds since the Unix epoch
        rating REAL,
        request_id TEXT NOT NULL,
        weight REAL NOT NULL,             -- as `popularity_weight`
        opinion REAL,                     -- as `opinion`
        PRIMARY KEY (user_id, event_id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS events_by_user ON events (user_id, occurred DESC, event_id)",
    "CREATE INDEX IF NOT EXISTS events_by_time ON events (occurred)",
    """
    CREATE TABLE IF NOT EXISTS tags (
        user_id TEXT NOT NULL, place INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (user_id, place)
    ) WITHOUT ROWID
    """,
)

# The key in `meta` from when a user's rows are deleted until the file holds no remains of them.
_ERASING = "erasing"

_CHECKPOINT_PAUSE_S = 0.01


class UserFile:
    """The events and the stated interests of the users of one tenant.

    Methods that write are called by one thread at a time, those that read by another. All raise
    IndexUnavailableError if the file cannot be used.

    Args:
        folder: where the file is; made if it is missing.
        busy_timeout_s: how long to wait for another process that writes.

    Raises:
        IndexFormatError: the file was written by a newer version.
        IndexUnavailableError: the file cannot be used.
    """

    def __init__(self, folder: Path, *, busy_timeout_s: float) -> None:
        self._busy_timeout_s = busy_timeout_s
        path = create_file(folder, FILE_NAME)
        self._writer = connect(path, busy_timeout_s=busy_timeout_s)
        try:
            with explained_errors():
                self._writer.execute("PRAGMA secure_delete = ON")
            _ensure_schema(self._writer)
            self._reader = connect(path, busy_timeout_s=busy_timeout_s)
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        with explained_errors():
            self._reader.close()
            self._writer.close()

    def write(self, events: Sequence[UserEvent]) -> list[bool]:
        """As `UserEventStore.write`."""
        with write_transaction(self._writer):
            return [self._insert(event) for event in events]

    def history(self, user_id: str, *, limit: int) -> list[UserEvent]:
        """As `UserEventStore.history`."""
        rows = self._read(
            "SELECT event_id, user_id, article_id, kind, occurred, rating, request_id FROM events"
            " WHERE user_id = ? ORDER BY occurred DESC, event_id LIMIT ?",
            (user_id, limit),
        )
        return [_event(row) for row in rows]

    def count(self, user_id: str) -> int:
        """As `UserEventStore.count`."""
        [(count,)] = self._read("SELECT count(*) FROM events WHERE user_id = ?", (user_id,))
        return int(count)

    def popularity(self, since: datetime, *, limit: int) -> Mapping[str, float]:
        """As `UserEventStore.popularity`."""
        rows = self._read(
            "SELECT article_id, sum(weight) AS total FROM"
            " (SELECT article_id, max(weight) AS weight FROM events"
            "  WHERE occurred >= ? AND weight > 0 GROUP BY article_id, user_id)"
            " GROUP BY article_id ORDER BY total DESC, article_id LIMIT ?",
            (to_microseconds(since), limit),
        )
        return dict(rows)

    def ratings(self, since: datetime, *, limit: int) -> list[Rating]:
        """As `UserEventStore.ratings`."""
        rows = self._read(
            "SELECT user_id, article_id, opinion, occurred FROM"
            " (SELECT *, row_number() OVER"
            "  (PARTITION BY user_id, article_id ORDER BY occurred DESC, event_id) AS place"
            "  FROM events WHERE occurred >= ? AND opinion IS NOT NULL)"
            " WHERE place = 1 ORDER BY occurred DESC, event_id, user_id LIMIT ?",
            (to_microseconds(since), limit),
        )
        return [
            Rating(user_id, article_id, value, from_microseconds(occurred))
            for user_id, article_id, value, occurred in rows
        ]

    def tags(self, user_id: str) -> tuple[str, ...]:
        """As `UserEventStore.tags`."""
        return tuple(
            tag for (tag,) in self._read("SELECT tag FROM tags WHERE user_id = ? ORDER BY place", (user_id,))
        )

    def set_tags(self, user_id: str, tags: Sequence[str]) -> None:
        """As `UserEventStore.set_tags`."""
        with write_transaction(self._writer):
            self._writer.execute("DELETE FROM tags WHERE user_id = ?", (user_id,))
            self._writer.executemany(
                "INSERT INTO tags (user_id, place, tag) VALUES (?, ?, ?)",
                [(user_id, place, tag) for place, tag in enumerate(tags)],
            )

    def purge(self, user_id: str) -> int:
        """As `UserEventStore.purge`.

        Raises:
            IndexUnavailableError: also if remains may still be in the files; the next purge of any user erases them.
        """
        with write_transaction(self._writer):
            events = self._writer.execute("DELETE FROM events WHERE user_id = ?", (user_id,)).rowcount
            tags = self._writer.execute("DELETE FROM tags WHERE user_id = ?", (user_id,)).rowcount
            if events or tags:
                # A new value each time, so that a process never takes back the mark of another.
                self._writer.execute(
                    "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_ERASING, secrets.token_hex(8))
                )
            marks = self._writer.execute("SELECT value FROM meta WHERE key = ?", (_ERASING,)).fetchall()
        if marks:
            self._erase_remains(marks[0][0])
        return events

    def _erase_remains(self, mark: str) -> None:
        """Leaves no trace of deleted rows in the file and its journal.

        Zeroing what is deleted is not enough: a page that was split keeps copies of the rows that moved to another.
        """
        give_up_at = time.monotonic() + self._busy_timeout_s
        with explained_errors():
            self._writer.execute("VACUUM")
            while not self._truncate_journal():
                if time.monotonic() >= give_up_at:
                    raise IndexUnavailableError(
                        "another process has been reading the users' file for too long"
                    )
                time.sleep(_CHECKPOINT_PAUSE_S)
        with write_transaction(self._writer):
            self._writer.execute("DELETE FROM meta WHERE key = ? AND value = ?", (_ERASING, mark))

    def _truncate_journal(self) -> bool:
        """Moves what the journal holds into the file, and empties it; waits for readers, as long as for writers.

        Returns:
            False where somebody has read for too long, or does the same at this moment: SQLite waits for no other
            checkpoint (https://sqlite.org/pragma.html#pragma_wal_checkpoint).
        """
        [(busy, _, _)] = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return not busy

    def _insert(self, event: UserEvent) -> bool:
        inserted = self._writer.execute(
            "INSERT OR IGNORE INTO events"
            " (user_id, event_id, article_id, kind, occurred, rating, request_id, weight, opinion)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event.user_id,
                event.event_id,
                event.article_id,
                event.kind.value,
                to_microseconds(event.occurred),
                event.rating,
                event.request_id,
                popularity_weight(event),
                opinion(event),
            ),
        )
        return inserted.rowcount > 0

    def _read(self, select: str, arguments: tuple[str | int, ...]) -> list[tuple[Any, ...]]:
        # All rows at once: a statement that is not at its end would keep the journal from being truncated.
        with explained_errors():
            return self._reader.execute(select, arguments).fetchall()


def _ensure_schema(connection: sqlite3.Connection) -> None:
    with write_transaction(connection):
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(
            "INSERT OR IGNORE INTO meta (key, value) VALUES ('schema_version', ?)", (str(_SCHEMA_VERSION),)
        )
        [(version,)] = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall()
    if int(version) > _SCHEMA_VERSION:
        raise IndexFormatError(
            f"the users' file has schema {version}; this version of Gistwire knows up to {_SCHEMA_VERSION}"
        )


def _event(row: tuple[str, str, str, str, int, float | None, str]) -> UserEvent:
    event_id, user_id, article_id, kind, occurred, rating, request_id = row
    return UserEvent(
        event_id=event_id,
        user_id=user_id,
        article_id=article_id,
        kind=EventKind(kind),
        occurred=from_microseconds(occurred),
        rating=rating,
        request_id=request_id,
    )
