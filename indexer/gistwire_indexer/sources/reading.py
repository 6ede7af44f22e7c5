"""`read_source`: opens a file, standard input or a web address, and reads the articles in it."""

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources.csv_rows import read_csv
from gistwire_indexer.sources.feed import read_feed
from gistwire_indexer.sources.fetching import fetch
from gistwire_indexer.sources.json_lines import read_json_lines
from gistwire_indexer.sources.lines import UTF8_BYTE_ORDER_MARK
from gistwire_indexer.sources.record import SourceRecord

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_STANDARD_INPUT = "-"
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


class SourceFormat(Enum):
    """How the articles of a source are written."""

    AUTO = "auto"
    """Told by the ending of the name, or else by the first character."""
    JSONL = "jsonl"
    """JSON lines: one object a line."""
    CSV = "csv"
    """Rows of cells parted by commas, semicolons or tabs, below a row of names."""
    FEED = "feed"
    """RSS or Atom."""


_FORMATS_BY_SUFFIX = {
    ".jsonl": SourceFormat.JSONL,
    ".ndjson": SourceFormat.JSONL,
    ".csv": SourceFormat.CSV,
    ".tsv": SourceFormat.CSV,
    ".rss": SourceFormat.FEED,
    ".atom": SourceFormat.FEED,
    ".xml": SourceFormat.FEED,
}

_READERS: dict[SourceFormat, Callable[..., Iterator[SourceRecord]]] = {
    SourceFormat.JSONL: read_json_lines,
    SourceFormat.CSV: read_csv,
    SourceFormat.FEED: read_feed,
}


def read_source(
    location: str,
    *,
    format: SourceFormat = SourceFormat.AUTO,  # noqa: A002
    stdin: BinaryIO | None = None,
    allow_private_addresses: bool = False,
) -> Iterator[SourceRecord]:
    """Reads the articles of a source one by one, in memory that does not grow with it (feeds excepted).

    What is compressed with gzip is decompressed. Text is UTF-8, except in feeds that say otherwise. Nothing
    is opened before the first record is asked for.

    Args:
        location: path of a file, an http or https address, or ``"-"`` for standard input.
        format: how the articles are written.
        stdin: what ``"-"`` stands for; None for the standard input of the process. It is left open.
        allow_private_addresses: whether hosts in private, loopback and link-local networks may be asked.

    Yields:
        a record for each article; for one that cannot be read, a record with the reason.

    Raises:
        SourceError: the source as a whole cannot be read, or not to its end.
    """
    try:
        with closing(_open(location, stdin=stdin, allow_private_addresses=allow_private_addresses)) as opened:
            stream = _decompressed(opened)
            chosen = _choose_format(location, stream) if format is SourceFormat.AUTO else format
            if chosen is not SourceFormat.FEED and stream.peek(2).startswith(_UTF16_BYTE_ORDER_MARKS):
                raise SourceError(f"{location}: the text is UTF-16; UTF-8 is expected")
            yield from _READERS[chosen](stream, origin=location)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{location}: cannot be read: {error}") from error


def _open(location: str, *, stdin: BinaryIO | None, allow_private_addresses: bool) -> io.BufferedReader:
    if location == _STANDARD_INPUT:
        return io.BufferedReader(_Borrowed(sys.stdin.buffer if stdin is None else stdin))
    if location.startswith(("http://", "https://")):
        return io.BufferedReader(
            _Borrowed(io.BytesIO(fetch(location, allow_private_addresses=allow_private_addresses)))
        )
    return Path(location).open("rb")


def _decompressed(stream: io.BufferedReader) -> io.BufferedReader:
    if stream.peek(2).startswith(_GZIP_MAGIC):
        return io.BufferedReader(_Borrowed(gzip.GzipFile(fileobj=stream)))
    return stream


def _choose_format(location: str, stream: io.BufferedReader) -> SourceFormat:
    path = PurePosixPath(urlsplit(location).path if "://" in location else location)
    suffix = (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()
    if suffix in _FORMATS_BY_SUFFIX:
        return _FORMATS_BY_SUFFIX[suffix]
    first = stream.peek().removeprefix(UTF8_BYTE_ORDER_MARK).lstrip()[:1]
    if first == b"[":
        raise SourceError(f"{location}: looks like a JSON array; JSON lines are expected, one object a line")
    return {b"<": SourceFormat.FEED, b"{": SourceFormat.JSONL}.get(first, SourceFormat.CSV)


class _Borrowed(io.RawIOBase):
    """A stream that is read as far as there is something to read, and never closed."""

    def __init__(self, stream: BinaryIO | io.BufferedIOBase) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        read = self._stream.read1 if isinstance(self._stream, io.BufferedIOBase) else self._stream.read
        chunk = read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)
