"""Articles as rows of SQLite, with the terms and fingerprints derived from them; used by `Storage`."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from gistwire_indexer.analysis import term_frequencies
from gistwire_indexer.article import Article
from gistwire_indexer.embedded.changes import next_change
from gistwire_indexer.embedded.lexical import FREQUENCIES_DTYPE
from gistwire_indexer.encoding import (
    decode_embeddings,
    encode_embedding,
    from_microseconds,
    to_microseconds,
    to_signed,
)
from gistwire_indexer.index import ArticleToIndex, IndexedArticle, IndexPosition, WriteOutcome

_INSERT = """
    INSERT INTO articles (
        id, revision, change, source, language, category, published, indexed, duplicate_of,
        embedding, frequencies, headline, url, metadata, body
    ) VALUES (
        :id, :revision, :change, :source, :language, :category, :published, :indexed, :duplicate_of,
        :embedding, :frequencies, :headline, :url, :metadata, :body
    )
"""

_UPDATE = """
    UPDATE articles SET
        revision = :revision, change = :change, source = :source, language = :language, category = :category,
        published = :published, indexed = :indexed, duplicate_of = :duplicate_of, embedding = :embedding,
        frequencies = :frequencies, headline = :headline, url = :url, metadata = :metadata, body = :body
    WHERE id = :id
"""

_SELECT = """
    SELECT id, headline, body, url, source, language, category, published, metadata,
        revision, indexed, duplicate_of, embedding
    FROM articles
"""


def write_article(connection: sqlite3.Connection, to_index: ArticleToIndex) -> WriteOutcome:
    """Inserts or replaces one article, unless its revision is there already."""
    article = to_index.article
    revision = article.revision()
    select = "SELECT number, revision FROM articles WHERE id = ?"
    present = connection.execute(select, (article.id,)).fetchone()
    if present is None:
        connection.execute("DELETE FROM deletions WHERE id = ?", (article.id,))
        number = connection.execute(_INSERT, _row(connection, to_index, revision)).lastrowid
        _insert_fingerprint(connection, number, to_index.fingerprint)
        return WriteOutcome.CREATED
    number, present_revision = present
    if present_revision == revision:
        return WriteOutcome.UNCHANGED
    connection.execute(_UPDATE, _row(connection, to_index, revision))
    _drop_derived(connection, number)
    _insert_fingerprint(connection, number, to_index.fingerprint)
    return WriteOutcome.UPDATED


def delete_article(connection: sqlite3.Connection, article_id: str) -> bool:
    """Deletes one article and what was derived from it; says whether there was one."""
    delete = "DELETE FROM articles WHERE id = ? RETURNING number"
    row = connection.execute(delete, (article_id,)).fetchone()
    if row is None:
        return False
    _drop_derived(connection, row[0])
    tombstone = (article_id, next_change(connection))
    connection.execute("INSERT INTO deletions (id, change) VALUES (?, ?)", tombstone)
    return True


def read_article(connection: sqlite3.Connection, article_id: str, dimension: int) -> IndexedArticle | None:
    """Reads one article; None if there is none."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (article_id,)).fetchone()
    return None if row is None else _indexed_article(row, dimension)


def read_articles_after(
    connection: sqlite3.Connection, position: IndexPosition, *, limit: int, dimension: int
) -> list[IndexedArticle]:
    """Reads articles in the order in which they were indexed."""
    select = f"{_SELECT} WHERE (indexed, id) > (?, ?) ORDER BY indexed, id LIMIT ?"
    rows = connection.execute(select, (to_microseconds(position.indexed), position.id, limit))
    return [_indexed_article(row, dimension) for row in rows]


def read_articles_by_number(
    connection: sqlite3.Connection, after: int, *, limit: int, dimension: int
) -> tuple[list[IndexedArticle], int]:
    """Reads articles in the order of first indexing, and the number of the last; `after` if there is none."""
    select = _SELECT.replace("SELECT", "SELECT number,", 1) + " WHERE number > ? ORDER BY number LIMIT ?"
    rows = connection.execute(select, (after, limit)).fetchall()
    last: int = rows[-1][0] if rows else after
    return [_indexed_article(row[1:], dimension) for row in rows], last


def read_older_ids(connection: sqlite3.Connection, before: datetime, *, limit: int) -> list[str]:
    """Reads identifiers of articles that were published, or else indexed, before a time."""
    select = "SELECT id FROM articles WHERE coalesce(published, indexed) < ? LIMIT ?"
    return [article_id for (article_id,) in connection.execute(select, (to_microseconds(before), limit))]


def _indexed_article(row: Sequence[Any], dimension: int) -> IndexedArticle:
    article_id, headline, body, url, source, language, category, published, metadata, *indexing = row
    revision, indexed, duplicate_of, embedding = indexing
    return IndexedArticle(
        article=Article(
            id=article_id,
            headline=headline,
            body=body,
            url=url,
            source=source,
            language=language,
            category=category,
            published=None if published is None else from_microseconds(published),
            metadata=json.loads(metadata),
        ),
        revision=revision,
        indexed=from_microseconds(indexed),
        duplicate_of=duplicate_of,
        embedding=decode_embeddings([embedding], dimension)[0],
    )


def _row(connection: sqlite3.Connection, to_index: ArticleToIndex, revision: str) -> dict[str, object]:
    article = to_index.article
    return {
        "id": article.id,
        "revision": revision,
        "change": next_change(connection),
        "source": article.source,
        "language": article.language,
        "category": article.category,
        "published": None if article.published is None else to_microseconds(article.published),
        "indexed": to_microseconds(datetime.now(UTC)),
        "duplicate_of": to_index.duplicate_of,
        "embedding": encode_embedding(to_index.embedding),
        "frequencies": _frequencies(connection, article),
        "headline": article.headline,
        "url": article.url,
        "metadata": json.dumps(dict(article.metadata), ensure_ascii=False),
        "body": article.body,
    }


def _frequencies(connection: sqlite3.Connection, article: Article) -> bytes:
    frequencies = term_frequencies(article.headline, article.body, article.language)
    pairs = [(_term_number(connection, term), frequency) for term, frequency in frequencies.items()]
    return np.array(pairs, FREQUENCIES_DTYPE).tobytes()


def _term_number(connection: sqlite3.Connection, term: str) -> int:
    row = connection.execute("SELECT number FROM terms WHERE term = ?", (term,)).fetchone()
    if row is None:
        insert = "INSERT INTO terms (term) VALUES (?) RETURNING number"
        row = connection.execute(insert, (term,)).fetchone()
    return int(row[0])


def _insert_fingerprint(
    connection: sqlite3.Connection, number: int | None, fingerprint: Iterable[int]
) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO fingerprints (value, article) VALUES (?, ?)",
        [(to_signed(value), number) for value in fingerprint],
    )


def _drop_derived(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM fingerprints WHERE article = ?", (number,))
    connection.execute("DELETE FROM summaries WHERE article = ?", (number,))
