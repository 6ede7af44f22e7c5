"""The numbered changes by which memory follows the file, whoever wrote to it; read through `Storage`."""

import sqlite3
from dataclasses import dataclass
from typing import NamedTuple


class ChangedArticle(NamedTuple):
    """What searches need of an article.

    Attributes:
        id: the article's identifier.
        source: publisher or feed; may be empty.
        language: ISO 639 code.
        category: may be empty.
        published: microseconds since the Unix epoch; None if unknown.
        embedding: as stored, for `decode_embeddings`.
        frequencies: as stored, of `FREQUENCIES_DTYPE`.
        duplicate_of: identifier of the article that this one nearly repeats; None if there is none.
    """

    id: str
    source: str
    language: str
    category: str
    published: int | None
    embedding: bytes
    frequencies: bytes
    duplicate_of: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """A run of changes, in their present state: what was changed several times appears once.

    Attributes:
        last_change: number of the last change of the run.
        complete: whether there was nothing after it.
        terms: terms not known before with their numbers; those of `articles` at least.
        deleted: identifiers of articles that are gone.
        articles: articles that are new or changed.
    """

    last_change: int
    complete: bool
    terms: list[tuple[int, str]]
    deleted: list[str]
    articles: list[ChangedArticle]


def next_change(connection: sqlite3.Connection) -> int:
    """Takes the next number, within a write transaction. Numbers rise, and a number is used once."""
    advance = "UPDATE meta SET value = value + 1 WHERE key = 'last_change' RETURNING value"
    return int(connection.execute(advance).fetchone()[0])


def read_changes(connection: sqlite3.Connection, change: int, *, known_terms: int, limit: int) -> Changes:
    """Reads the changes after a change, in order, at most `limit` articles at once; within a transaction.

    Args:
        connection: the connection, in a transaction.
        change: number of the last change that is known; 0 for none.
        known_terms: number of terms that are known; terms are numbered from 1 and never go.
        limit: largest number of articles.
    """
    rows = connection.execute(
        "SELECT change, id, source, language, category, published, embedding, frequencies, duplicate_of"
        " FROM articles WHERE change > ? ORDER BY change LIMIT ?",
        (change, limit),
    ).fetchall()
    newest = int(connection.execute("SELECT value FROM meta WHERE key = 'last_change'").fetchone()[0])
    last_change = int(rows[-1][0]) if len(rows) == limit else newest
    deleted = connection.execute(
        "SELECT id FROM deletions WHERE change > ? AND change <= ?", (change, last_change)
    ).fetchall()
    terms = connection.execute("SELECT number, term FROM terms WHERE number > ?", (known_terms,)).fetchall()
    return Changes(
        last_change=last_change,
        complete=last_change == newest,
        terms=terms,
        deleted=[article_id for (article_id,) in deleted],
        articles=[ChangedArticle._make(row[1:]) for row in rows],
    )
