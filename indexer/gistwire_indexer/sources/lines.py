"""Reads lines of bounded length from a stream of any size. The readers of JSON lines and CSV share it."""

from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE_BYTES = 2 * 1024 * 1024

UTF8_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LineTooLongError(Exception):
    """A line, or a row of lines, is longer than a reader accepts; the rest of the line was skipped.

    Attributes:
        beginning: the part that was read.
    """

    def __init__(self, beginning: bytes) -> None:
        super().__init__(f"longer than {MAX_LINE_BYTES} bytes")
        self.beginning = beginning


class BoundedLines(Iterator[bytes]):
    """The lines of a stream, with their ends; goes on after a LineTooLongError.

    A byte order mark at the beginning of the stream is left out.

    Attributes:
        number: number of the line that was read last, from 1; 0 before the first.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.number = 0

    def __next__(self) -> bytes:
        """Reads a line.

        Raises:
            LineTooLongError: the line is longer than MAX_LINE_BYTES.
        """
        line = self._stream.readline(MAX_LINE_BYTES + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > MAX_LINE_BYTES:
            self._skip_rest_of_line(line)
            raise LineTooLongError(line)
        return line.removeprefix(UTF8_BYTE_ORDER_MARK) if self.number == 1 else line

    def _skip_rest_of_line(self, part: bytes) -> None:
        while part and not part.endswith(b"\n"):
            part = self._stream.readline(MAX_LINE_BYTES)
