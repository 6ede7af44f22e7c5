"""`WatchedFiles`: what was read from files, and is read again when they change."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from gistwire_server.errors import ConfigurationError

Content = TypeVar("Content")
MonotonicClock = Callable[[], float]
"""Seconds since some moment."""

CHECK_INTERVAL_S = 1.0
"""How often `WatchedFiles.current` looks whether files changed, in seconds."""

_log = structlog.get_logger(__name__)


class WatchedFiles(Generic[Content]):
    """What was read from files that belong together.

    Files that cannot be read, or that make no sense, leave what was read before, and the log says so: who writes
    them one after the other, or not at once, takes nothing down. Reads them in the constructor, so it blocks.

    Args:
        setting: names them in errors and in the log.
        paths: the files.
        parse: makes of their contents, in the same order, what is wanted of them; raises ConfigurationError.
        clock: tells when to look again.

    Raises:
        ConfigurationError: they cannot be read now, or make no sense.
    """

    def __init__(
        self,
        setting: str,
        paths: Sequence[Path],
        parse: Callable[[Sequence[bytes]], Content],
        clock: MonotonicClock = time.monotonic,
    ) -> None:
        self._setting = setting
        self._paths = tuple(paths)
        self._parse = parse
        self._clock = clock
        # gRPC's own threads ask for certificates.
        self._reading = threading.Lock()
        self._seen = self._stamps()
        self._content = self._read()
        self._next_check = clock() + CHECK_INTERVAL_S

    @property
    def content(self) -> Content:
        """What was read last."""
        return self._content

    async def current(self) -> Content:
        """Returns what is in the files now, or was a moment ago."""
        now = self._clock()
        if now >= self._next_check:
            self._next_check = now + CHECK_INTERVAL_S
            await asyncio.to_thread(self.refresh)
        return self._content

    def refresh(self) -> bool:
        """Reads the files again if they changed; says whether there is something new. Blocks."""
        with self._reading:
            # Before they are read: a change in between is seen the next time.
            stamps = self._stamps()
            if stamps == self._seen:
                return False
            self._seen = stamps
            try:
                self._content = self._read()
            except ConfigurationError as error:
                _log.error("file_not_taken", setting=self._setting, error=str(error))
                return False
            _log.info("file_read_again", setting=self._setting)
            return True

    def _read(self) -> Content:
        contents = []
        for path in self._paths:
            try:
                contents.append(path.read_bytes())
            except OSError as error:
                raise ConfigurationError(
                    f"{self._setting}: {path} cannot be read: {error.strerror}"
                ) from error
        return self._parse(contents)

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes with a file; its inode does where a link or a whole file is put in its place."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
