"""Keeps articles that were refused, so that they can be mended and ingested again."""

import json
import os
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from gistwire_indexer.errors import ArticleError
from gistwire_indexer.sources.lines import BoundedLines, LineTooLongError
from gistwire_indexer.sources.record import SourceRecord

_Place: TypeAlias = tuple[str, int | None, str]


class DeadLetterFile:
    """Appends refused articles to a file of JSON lines, which is created for the first of them.

    A line has left this process before `write` returns. Its keys: ``origin``, ``line``, ``id``, ``field``,
    ``reason``, ``raw``, and ``time`` (RFC 3339, UTC). A line that a killed process left unfinished is ended first.

    Attributes:
        path: the file.
        count: number of articles written by this object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: BufferedRandom | None = None
        self._known: set[_Place] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def leave_out_known(self, origin: str) -> None:
        """Makes `write` leave out what an earlier process wrote of a source, for one that goes on with it. Blocks.

        Raises:
            OSError: the file cannot be read.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            lines = BoundedLines(file)
            while True:
                try:
                    line = next(lines, None)
                except LineTooLongError:
                    continue
                if line is None:
                    return
                if (place := _place_in(line)) is not None and place[0] == origin:
                    self._known.add(place)

    def write(self, record: SourceRecord, error: ArticleError) -> None:
        """Appends an article.

        Args:
            record: where it stood.
            error: why it was refused, by the reader or later.

        Raises:
            OSError: the file cannot be written.
        """
        if (record.origin, record.line, record.raw) in self._known:
            return
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
            self._file = self._open()
        # Escapes keep the line whole: raw text may hold lone surrogates and line separators.
        self._file.write(json.dumps(entry, ensure_ascii=True).encode() + b"\n")
        self._file.flush()
        self.count += 1

    def close(self) -> None:
        """Closes the file. May be called twice; a later `write` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> BufferedRandom:
        file = self.path.open("a+b")
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        return file


def _place_in(line: bytes) -> _Place | None:
    """Where an article stood, by a line of the file; None if it is no such line."""
    try:
        entry = json.loads(line)
        return entry["origin"], entry["line"], entry["raw"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
