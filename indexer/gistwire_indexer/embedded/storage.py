"""The durable part of an embedded index: articles, fingerprints, summaries; used by `EmbeddedIndex`."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

from gistwire_models.encoder import ModelVersion

from gistwire_indexer.embedded.article_rows import (
    delete_article,
    read_article,
    read_articles_after,
    read_articles_by_number,
    read_older_ids,
    write_article,
)
from gistwire_indexer.embedded.changes import Changes, read_changes
from gistwire_indexer.embedded.database import (
    connect,
    create_file,
    ensure_schema,
    explained_errors,
    write_transaction,
)
from gistwire_indexer.encoding import decode_embeddings, encode_embedding, to_signed
from gistwire_indexer.index import (
    ArticleToIndex,
    IndexedArticle,
    IndexPosition,
    StoredSummary,
    WriteOutcome,
)

_MAX_NEAR_DUPLICATES = 16


class Storage:
    """The file of an embedded index.

    Methods that write are called by one thread at a time, those that read by any. All raise
    IndexUnavailableError if the file cannot be used.

    Args:
        folder: where the file is; made if it is missing.
        model: the encoder that the embeddings come from.
        dimension: length of the embeddings.
        busy_timeout_s: how long to wait for another process that writes.

    Raises:
        IndexFormatError: the file was written by a newer version, or for another encoder.
        IndexUnavailableError: the file cannot be used.
    """

    def __init__(self, folder: Path, *, model: ModelVersion, dimension: int, busy_timeout_s: float) -> None:
        self._path = create_file(folder)
        self._dimension = dimension
        with ExitStack() as opened:
            self._writer = opened.enter_context(closing(connect(self._path, busy_timeout_s=busy_timeout_s)))
            ensure_schema(self._writer, model, dimension)
            self._reader = opened.enter_context(closing(connect(self._path, busy_timeout_s=busy_timeout_s)))
            self._watcher = opened.enter_context(closing(connect(self._path, busy_timeout_s=busy_timeout_s)))
            with explained_errors():
                self._watcher.execute("PRAGMA busy_timeout = 0")
            opened.pop_all()
        self._reading = threading.Lock()

    def close(self) -> None:
        """Closes the file."""
        with self._reader_alone() as reader:
            reader.close()
            self._watcher.close()
            self._writer.close()

    def write(self, articles: Sequence[ArticleToIndex]) -> list[WriteOutcome]:
        """As `ArticleIndex.write`."""
        with write_transaction(self._writer):
            return [write_article(self._writer, article) for article in articles]

    def delete(self, ids: Sequence[str]) -> list[bool]:
        """As `ArticleIndex.delete`."""
        with write_transaction(self._writer):
            return [delete_article(self._writer, article_id) for article_id in ids]

    def expire(self, before: datetime, *, limit: int) -> int:
        """Deletes at most `limit` articles that were published, or else indexed, before a time."""
        with write_transaction(self._writer):
            ids = read_older_ids(self._writer, before, limit=limit)
            return sum(delete_article(self._writer, article_id) for article_id in ids)

    def store_summary(self, summary: StoredSummary) -> bool:
        """As `ArticleIndex.store_summary`."""
        embedding = None if summary.embedding is None else encode_embedding(summary.embedding)
        with write_transaction(self._writer):
            stored = self._writer.execute(
                "INSERT OR REPLACE INTO summaries (article, model, text, origin, log_probability, embedding)"
                " SELECT number, ?, ?, ?, ?, ? FROM articles WHERE id = ? AND revision = ?",
                (
                    summary.model,
                    summary.text,
                    summary.origin,
                    summary.log_probability,
                    embedding,
                    summary.article_id,
                    summary.revision,
                ),
            )
            return stored.rowcount > 0

    def get(self, ids: Sequence[str]) -> list[IndexedArticle | None]:
        """As `ArticleIndex.get`."""
        with self._reader_alone() as reader:
            return [read_article(reader, article_id, self._dimension) for article_id in ids]

    def revisions(self, ids: Sequence[str]) -> list[str | None]:
        """As `ArticleIndex.revisions`."""
        select = "SELECT revision FROM articles WHERE id = ?"
        with self._reader_alone() as reader:
            rows = [reader.execute(select, (article_id,)).fetchone() for article_id in ids]
        return [None if row is None else row[0] for row in rows]

    def indexed_after(self, position: IndexPosition, *, limit: int) -> list[IndexedArticle]:
        """As `ArticleIndex.indexed_after`."""
        with self._reader_alone() as reader:
            return read_articles_after(reader, position, limit=limit, dimension=self._dimension)

    def read_by_number(self, after: int, *, limit: int) -> tuple[list[IndexedArticle], int]:
        """As `read_articles_by_number`."""
        with self._reader_alone() as reader:
            return read_articles_by_number(reader, after, limit=limit, dimension=self._dimension)

    def near_duplicates(self, fingerprints: Sequence[tuple[int, ...]]) -> list[list[str]]:
        """As `ArticleIndex.near_duplicates`."""
        with self._reader_alone() as reader:
            return [_articles_sharing(reader, fingerprint) for fingerprint in fingerprints]

    def stored_summaries(self, ids: Sequence[str], model: str) -> list[StoredSummary | None]:
        """As `ArticleIndex.stored_summaries`."""
        with self._reader_alone() as reader:
            return [self._read_summary(reader, article_id, model) for article_id in ids]

    def count_summaries(self) -> int:
        """Number of stored summaries."""
        with self._reader_alone() as reader:
            return int(reader.execute("SELECT count(*) FROM summaries").fetchone()[0])

    def bytes_on_disk(self) -> int:
        """Size of the file and its journals, in bytes."""
        with explained_errors():
            return sum(path.stat().st_size for path in self._path.parent.glob(f"{self._path.name}*"))

    def data_version(self) -> int:
        """A number that changes whenever this or another process has written to the file."""
        with self._reader_alone() as reader:
            return int(reader.execute("PRAGMA data_version").fetchone()[0])

    def generation(self) -> int:
        """As `data_version`, by a connection of its own: takes microseconds and waits for nobody. For one thread."""
        with explained_errors():
            return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def changes_since(self, change: int, *, known_terms: int, limit: int) -> Changes:
        """As `read_changes`."""
        with self._reader_alone() as reader:
            reader.execute("BEGIN")
            try:
                return read_changes(reader, change, known_terms=known_terms, limit=limit)
            finally:
                reader.execute("ROLLBACK")

    @contextmanager
    def _reader_alone(self) -> Iterator[sqlite3.Connection]:
        with explained_errors(), self._reading:
            yield self._reader

    def _read_summary(self, reader: sqlite3.Connection, article_id: str, model: str) -> StoredSummary | None:
        row = reader.execute(
            "SELECT revision, text, origin, log_probability, summaries.embedding"
            " FROM summaries JOIN articles ON article = number WHERE id = ? AND model = ?",
            (article_id, model),
        ).fetchone()
        if row is None:
            return None
        revision, text, origin, log_probability, embedding = row
        return StoredSummary(
            article_id=article_id,
            revision=revision,
            model=model,
            text=text,
            origin=origin,
            log_probability=log_probability,
            embedding=None if embedding is None else decode_embeddings([embedding], self._dimension)[0],
        )


def _articles_sharing(reader: sqlite3.Connection, fingerprint: Sequence[int]) -> list[str]:
    marks = ", ".join("?" * len(fingerprint))
    rows = reader.execute(
        "SELECT id FROM articles WHERE number IN"  # noqa: S608  # nothing but question marks is put in
        f" (SELECT article FROM fingerprints WHERE value IN ({marks})) ORDER BY number LIMIT ?",
        (*map(to_signed, fingerprint), _MAX_NEAR_DUPLICATES),
    ).fetchall()
    return [article_id for (article_id,) in rows]
