"""Reads articles from JSON lines: one object a line. Reached through `read_source`."""

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from gistwire_indexer.errors import ArticleError
from gistwire_indexer.sources.fields import article_from_fields
from gistwire_indexer.sources.lines import BoundedLines, LineTooLongError
from gistwire_indexer.sources.record import MAX_RAW_CHARACTERS, RawArticle, SourceRecord

_DECODER = msgspec.json.Decoder(dict[str, object])


def read_json_lines(stream: BinaryIO, *, origin: str) -> Iterator[SourceRecord]:
    """Reads an article from each line that is not blank, one at a time."""
    lines = BoundedLines(stream)
    while True:
        try:
            line = next(lines, None)
        except LineTooLongError as error:
            yield _record(origin, lines.number, error.beginning, ArticleError("", f"the line is {error}"))
            continue
        if line is None:
            return
        if line.strip():
            yield _record(origin, lines.number, line, _read_article(line))


def _read_article(line: bytes) -> RawArticle | ArticleError:
    try:
        return article_from_fields(_DECODER.decode(line))
    except UnicodeDecodeError:
        return ArticleError("", "the line is not UTF-8")
    except ArticleError as error:
        return error
    except (ValueError, OverflowError, RecursionError) as error:
        return ArticleError("", f"the line cannot be read as a JSON object: {error}")


def _record(origin: str, number: int, line: bytes, result: RawArticle | ArticleError) -> SourceRecord:
    # A character takes four bytes at most.
    raw = line[: 4 * MAX_RAW_CHARACTERS].decode(errors="replace").rstrip("\r\n")
    return SourceRecord.of(origin, number, raw, result)
