"""Reads articles from CSV with a header row. Reached through `read_source`."""

import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from gistwire_indexer.errors import ArticleError, SourceError
from gistwire_indexer.sources.fields import KNOWN_NAMES, article_from_fields
from gistwire_indexer.sources.lines import MAX_LINE_BYTES, BoundedLines, LineTooLongError
from gistwire_indexer.sources.record import MAX_RAW_CHARACTERS, RawArticle, SourceRecord

_DELIMITERS = ",;\t"


def read_csv(stream: BinaryIO, *, origin: str) -> Iterator[SourceRecord]:
    """Reads an article from each row that is not blank, one at a time. Quoted cells may span lines.

    The first line names the columns, as the keys of JSON lines are named. The delimiter is the one of comma,
    semicolon and tab that makes the most known names of that line.

    Raises:
        SourceError: the first line names no column that could be a headline.
    """
    lines = BoundedLines(stream)
    delimiter, columns = _read_header(lines, origin=origin)
    # The limit is the whole process's; its default is shorter than a body may be.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
    rows = _RowLines(lines)
    reader = csv.reader(rows, delimiter=delimiter)
    while True:
        rows.begin_row()
        result: RawArticle | ArticleError
        try:
            cells = next(reader, None)
        except LineTooLongError as error:
            result = ArticleError("", f"the row is {error}")
        except csv.Error as error:
            result = ArticleError("", f"the row cannot be read: {error}")
        else:
            if cells is None:
                return
            if not any(map(str.strip, cells)):
                continue
            result = _read_article(columns, cells)
        yield SourceRecord.of(origin, rows.first_line, rows.raw, result)


def _read_header(lines: BoundedLines, *, origin: str) -> tuple[str, list[str]]:
    try:
        line = next((line for line in lines if line.strip()), b"").decode()
        choices = {delimiter: next(csv.reader([line], delimiter=delimiter), []) for delimiter in _DELIMITERS}
    except (UnicodeDecodeError, LineTooLongError, csv.Error) as error:
        raise SourceError(f"{origin}: the header row cannot be read: {error}") from error
    delimiter = max(choices, key=lambda delimiter: _known_names(choices[delimiter]))
    columns = [name.strip() for name in choices[delimiter]]
    if line and not {"headline", "title"} & {name.lower() for name in columns}:
        raise SourceError(f"{origin}: the header row names no column 'headline' or 'title'")
    return delimiter, columns


def _known_names(columns: Sequence[str]) -> int:
    return sum(name.strip().lower() in KNOWN_NAMES for name in columns)


def _read_article(columns: Sequence[str], cells: Sequence[str]) -> RawArticle | ArticleError:
    if len(cells) != len(columns):
        return ArticleError("", f"the row has {len(cells)} cells, and the header row {len(columns)}")
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return ArticleError("", "the row is not UTF-8")
    # Exported tables often begin with a column of row numbers that has no name.
    return article_from_fields(
        {name: cell for name, cell in zip(columns, cells, strict=True) if name and cell}
    )


class _RowLines(Iterator[str]):
    """The lines of a CSV source, counted and gathered by row.

    Bytes that are not UTF-8 become lone surrogates, so that they spoil their row and not the reading.

    Attributes:
        first_line: the line on which the row begins, from 1.
        raw: the row as far as it was read; its first MAX_RAW_CHARACTERS at least.
    """

    def __init__(self, lines: BoundedLines) -> None:
        self._lines = lines
        self.begin_row()

    def begin_row(self) -> None:
        self.first_line = self._lines.number + 1
        self.raw = ""
        self._row_bytes = 0

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except LineTooLongError as error:
            self._gather(error.beginning)
            raise
        self._gather(line)
        self._row_bytes += len(line)
        # A quote that is never closed would gather the rest of the source.
        if self._row_bytes > MAX_LINE_BYTES:
            raise LineTooLongError(line)
        return line.decode(errors="surrogateescape")

    def _gather(self, line: bytes) -> None:
        missing = MAX_RAW_CHARACTERS - len(self.raw)
        # A character takes four bytes at most.
        self.raw += line[: 4 * missing].decode(errors="replace")
