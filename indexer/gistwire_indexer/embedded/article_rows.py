"""Articles as rows of SQLite, with the terms and fingerprints derived from them; used by `Storage`."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from gistwire_indexer.analysis import analyze
from gistwire_indexer.article import Article
from gistwire_indexer.embedded.changes import next_change
from gistwire_indexer.embedded.encoding import (
    decode_embeddings,
    encode_embedding,
    from_microseconds,
    to_microseconds,
    to_signed,
)
from gistwire_indexer.embedded.lexical import FREQUENCIES_DTYPE
from gistwire_indexer.index import ArticleToIndex, IndexedArticle, WriteOutcome

# A word of the headline counts as this many words of the body.
_HEADLINE_BOOST = 2

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
    SELECT headline, body, url, source, language, category, published, metadata,
        revision, indexed, duplicate_of, embedding
    FROM articles WHERE id = ?
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
    row = connection.execute(_SELECT, (article_id,)).fetchone()
    if row is None:
        return None
    headline, body, url, source, language, category, published, metadata, *indexing = row
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
    occurrences = Counter(analyze(article.body, article.language))
    for term in analyze(article.headline, article.language):
        occurrences[term] += _HEADLINE_BOOST
    pairs = [(_term_number(connection, term), count) for term, count in occurrences.items()]
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
