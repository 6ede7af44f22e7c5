"""Gives a source's columns the names that the reader of articles knows. `read_file` puts it between both."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from gistwire_indexer.sources.lines import BoundedLines, LineTooLongError

from gistwire_training.errors import RecipeError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FIELDS = frozenset({"id", "headline", "body", "summary", "url", "source", "language", "rating", "consent"})
"""The fields that a column can be mapped to."""

_DELIMITERS = ",;\t"
_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])


class RenamedColumns(io.RawIOBase):
    """JSON lines or CSV, line by line as they were, but for the names of columns.

    Lines keep their numbers. A line that is no JSON object passes unchanged, for the reader to refuse.

    Args:
        lines: the source, decompressed; closed with this stream.
        columns: for each field the source's name of it; names are matched without regard to case.

    Raises:
        RecipeError: an unknown field, or one column for two fields.
    """

    def __init__(self, lines: BinaryIO, columns: Mapping[str, str]) -> None:
        if unknown := sorted(columns.keys() - FIELDS):
            raise RecipeError(
                f"columns: no such field: {', '.join(unknown)}; known: {', '.join(sorted(FIELDS))}"
            )
        self._new_names = {column.lower(): field for field, column in columns.items()}
        if len(self._new_names) < len(columns):
            raise RecipeError("columns: a column can be mapped to one field only")
        self._renamed = self._rename_lines(BoundedLines(lines))
        self._source = lines
        self._rest = b""

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Reads on into a buffer, and returns the number of bytes; 0 at the end."""
        view = memoryview(buffer).cast("B")
        if not self._rest:
            self._rest = next(self._renamed, b"")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Closes the source too."""
        if not self.closed:
            self._source.close()
        super().close()

    def _rename_lines(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        is_json: bool | None = None
        while True:
            try:
                line = next(lines, None)
            except LineTooLongError as error:
                # What was read of it is too long for the reader as well, which reports it.
                yield error.beginning + b"\n"
                continue
            if line is None:
                return
            if is_json is None and line.strip():
                is_json = line.lstrip().startswith(b"{")
                yield self._rename_object(line) if is_json else self._rename_header(line)
            else:
                yield self._rename_object(line) if is_json else line

    def _rename_object(self, line: bytes) -> bytes:
        try:
            fields = _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return line
        names = self._rename(list(fields))
        renamed = {name: value for name, value in zip(names, fields.values(), strict=True) if name}
        return msgspec.json.encode(renamed) + b"\n"

    def _rename_header(self, line: bytes) -> bytes:
        text = line.decode(errors="surrogateescape").rstrip("\r\n")
        choices = [
            (delimiter, next(csv.reader([text], delimiter=delimiter), [])) for delimiter in _DELIMITERS
        ]
        delimiter, names = max(choices, key=lambda choice: (self._known(choice[1]), len(choice[1])))
        header = io.StringIO()
        csv.writer(header, delimiter=delimiter, lineterminator="\n").writerow(self._rename(names))
        return header.getvalue().encode(errors="surrogateescape")

    def _known(self, names: list[str]) -> int:
        return sum(name.strip().lower() in self._new_names for name in names)

    def _rename(self, names: list[str]) -> list[str]:
        """The new names; "" for a column that has the name of a field for which another column stands."""
        taken = set(self._new_names.values())
        return [
            self._new_names.get(name.strip().lower(), "" if name.strip().lower() in taken else name)
            for name in names
        ]
