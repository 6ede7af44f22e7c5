"""`CrawlState`: what the crawler knows between runs, in a SQLite file. Methods block and are for threads."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from gistwire_indexer.crawler.robots import StoredRobots
from gistwire_indexer.crawler.state_rows import (
    ArticleState,
    FeedState,
    FoundArticle,
    article_of,
    feed_of,
    seconds_of,
    time_of,
    to_json,
)
from gistwire_indexer.errors import CrawlStateError

_SCHEMA_VERSION = 1

_Execute: TypeAlias = Callable[..., sqlite3.Cursor]

# Times are seconds since the Unix epoch.
_SCHEMA = """
CREATE TABLE feeds (
    url TEXT PRIMARY KEY,          -- as configured
    location TEXT NOT NULL,        -- where it moved to for good
    etag TEXT NOT NULL,
    last_modified TEXT NOT NULL,
    due REAL NOT NULL,
    failures INTEGER NOT NULL,
    update_interval REAL NOT NULL, -- seconds
    stopped INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE articles (
    id TEXT PRIMARY KEY,
    feed TEXT NOT NULL,
    entry_hash TEXT NOT NULL,
    last_seen REAL NOT NULL,
    removed INTEGER NOT NULL,
    wants_page_text INTEGER NOT NULL,
    page_etag TEXT NOT NULL,
    page_last_modified TEXT NOT NULL,
    page_due REAL,
    page_checks_end REAL NOT NULL,
    page_missing_since REAL,
    sent TEXT NOT NULL             -- the article as JSON while its page is looked at, else empty
) WITHOUT ROWID;
CREATE INDEX articles_by_page_due ON articles (feed, page_due) WHERE page_due IS NOT NULL;
CREATE INDEX articles_by_last_seen ON articles (last_seen);

CREATE TABLE keys (
    key TEXT PRIMARY KEY,
    article TEXT NOT NULL,
    own INTEGER NOT NULL           -- whether the article's own entry has it, and not only a duplicate
) WITHOUT ROWID;
CREATE INDEX keys_by_article ON keys (article);

CREATE TABLE robots (origin TEXT PRIMARY KEY, text TEXT NOT NULL, expires REAL NOT NULL) WITHOUT ROWID;
"""


class CrawlState:
    """The state of one crawler; used with ``with``. No other process can use the file meanwhile.

    Args:
        path: the file, made if there is none; its folder too.

    Raises:
        CrawlStateError: the file cannot be used, or another crawler uses it. So do all methods.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise CrawlStateError(f"{path}: {error}") from error
        try:
            self._prepare(path)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. May be called twice."""
        with self._lock:
            self._connection.close()

    def feed(self, url: str, *, now: datetime) -> FeedState:
        """What is known of a feed; one that is new is due now."""
        with self._transaction() as execute:
            row = execute("SELECT * FROM feeds WHERE url = ?", (url,)).fetchone()
        if row is None:
            return FeedState(location=url, due=now)
        return feed_of(row)

    def save_feed(self, url: str, state: FeedState) -> None:
        """Keeps what is known of a feed."""
        values = (
            *(url, state.location, state.etag, state.last_modified),
            *(state.due.timestamp(), state.failures, state.update_interval.total_seconds(), state.stopped),
        )
        with self._transaction() as execute:
            execute("INSERT OR REPLACE INTO feeds VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def find_article(self, keys: Sequence[str]) -> FoundArticle | None:
        """The article that one of these keys leads to, an own key before others; None if none does."""
        with self._transaction() as execute:
            rows = [
                row
                for key in keys
                for row in execute(
                    "SELECT articles.*, own FROM keys JOIN articles ON article = id WHERE key = ?", (key,)
                ).fetchall()
            ]
        if not rows:
            return None
        row = next((row for row in rows if row["own"]), rows[0])
        return FoundArticle(article_of(row), own=bool(row["own"]))

    def save_article(
        self,
        state: ArticleState,
        *,
        own_keys: Sequence[str] = (),
        other_keys: Sequence[str] = (),
        seen: datetime,
    ) -> None:
        """Keeps what is known of an article; keys of other articles stay theirs.

        Args:
            state: what is known.
            own_keys: the keys of the entry that it was made of.
            other_keys: keys under which only duplicates of it can come.
            seen: when a feed last had it.
        """
        values = (
            *(state.id, state.feed, state.entry_hash, seen.timestamp()),
            *(state.removed, state.wants_page_text, state.page_etag, state.page_last_modified),
            *(
                seconds_of(state.page_due),
                state.page_checks_end.timestamp(),
                seconds_of(state.page_missing_since),
            ),
            to_json(state.sent) if state.sent and state.page_due else "",
        )
        with self._transaction() as execute:
            execute("INSERT OR REPLACE INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            _add_keys(execute, state.id, own_keys, own=True)
            _add_keys(execute, state.id, other_keys, own=False)

    def see_article(self, article_id: str, keys: Sequence[str], *, own: bool, seen: datetime) -> None:
        """Remembers that a feed still has an article, and under which keys, its own or those of a duplicate."""
        with self._transaction() as execute:
            execute("UPDATE articles SET last_seen = ? WHERE id = ?", (seen.timestamp(), article_id))
            _add_keys(execute, article_id, keys, own=own)

    def keys_of(self, article_id: str) -> list[str]:
        """The keys of an article."""
        with self._transaction() as execute:
            rows = execute("SELECT key FROM keys WHERE article = ? ORDER BY key", (article_id,)).fetchall()
        return [row["key"] for row in rows]

    def pages_due(self, feed: str, now: datetime, *, limit: int) -> list[str]:
        """Identifiers of a feed's articles whose pages are to be looked at, the longest due first."""
        with self._transaction() as execute:
            rows = execute(
                "SELECT id FROM articles WHERE feed = ? AND page_due <= ? ORDER BY page_due LIMIT ?",
                (feed, now.timestamp(), limit),
            ).fetchall()
        return [row["id"] for row in rows]

    def robots(self, origin: str) -> StoredRobots | None:
        """The robots.txt of an origin; None if none is kept."""
        with self._transaction() as execute:
            row = execute("SELECT * FROM robots WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else StoredRobots(row["text"], time_of(row["expires"]))

    def save_robots(self, origin: str, robots: StoredRobots) -> None:
        """Keeps a robots.txt in place of an earlier one."""
        with self._transaction() as execute:
            values = (origin, robots.text, robots.expires.timestamp())
            execute("INSERT OR REPLACE INTO robots VALUES (?, ?, ?)", values)

    def forget(self, *, unseen_since: datetime) -> None:
        """Forgets articles that no feed has had for long, and robots.txt that expired."""
        with self._transaction() as execute:
            execute(
                "DELETE FROM keys WHERE article IN (SELECT id FROM articles WHERE last_seen < ?)",
                (unseen_since.timestamp(),),
            )
            execute("DELETE FROM articles WHERE last_seen < ?", (unseen_since.timestamp(),))
            # An expired one still counts while its host cannot be reached.
            execute("DELETE FROM robots WHERE expires < ?", (unseen_since.timestamp(),))

    def _prepare(self, path: Path) -> None:
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            # What a power failure may undo is only asked for, and sent, once more.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("BEGIN IMMEDIATE")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, _SCHEMA_VERSION):
                raise CrawlStateError(f"{path}: written by another version of Gistwire")
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            in_use = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            reason = "another crawler uses it" if in_use else str(error)
            raise CrawlStateError(f"{path}: {reason}") from error

    @contextmanager
    def _transaction(self) -> Iterator[_Execute]:
        """Gives what executes statements; all of them take effect, or none."""
        with self._lock:
            try:
                self._connection.execute("BEGIN")
                yield self._connection.execute
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise CrawlStateError(f"the state of the crawler cannot be used: {error}") from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")


def _add_keys(execute: _Execute, article_id: str, keys: Sequence[str], *, own: bool) -> None:
    for key in keys:
        execute("INSERT OR IGNORE INTO keys VALUES (?, ?, ?)", (key, article_id, own))
