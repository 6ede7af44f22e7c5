"""Keeps articles that were refused, so that they can be mended and ingested again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from gistwire_indexer.errors import ArticleError
from gistwire_indexer.sources.record import SourceRecord


class DeadLetterFile:
    """Appends refused articles to a file of JSON lines, which is created for the first of them.

    A line has left this process before `write` returns. Its keys: ``origin``, ``line``, ``id``, ``field``,
    ``reason``, ``raw``, and ``time`` (RFC 3339, UTC).

    Attributes:
        path: the file.
        count: number of articles written by this object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def write(self, record: SourceRecord, error: ArticleError) -> None:
        """Appends an article.

        Args:
            record: where it stood.
            error: why it was refused, by the reader or later.

        Raises:
            OSError: the file cannot be written.
        """
        entry = {
            "origin": record.origin,
            "line": record.line,
            "id": record.fields.id if record.fields else "",
            "field": error.field,
            "reason": error.description,
            "raw": record.raw,
            "time": datetime.now(UTC).isoformat(),
        }
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
        # Escapes keep the line whole: raw text may hold lone surrogates and line separators.
        self._file.write(json.dumps(entry, ensure_ascii=True) + "\n")
        self._file.flush()
        self.count += 1

    def close(self) -> None:
        """Closes the file. May be called twice; a later `write` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None
