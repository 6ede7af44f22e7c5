"""`SourceProgress`: how far each source of a run is settled, kept in checkpoints while it goes on.

A record is settled once the server has acknowledged it, or it was kept as a dead letter. A checkpoint says how many
records from the beginning are settled without a gap: who goes on there may repeat a little, and misses nothing.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gistwire_client.checkpoints import Checkpoint, CheckpointFile, FileIdentity

_SAVE_INTERVAL_S = 1.0

_NOTHING = Checkpoint(records=0, line=None)


@dataclass(slots=True)
class _Source:
    """A source of which checkpoints are kept.

    Attributes:
        identity: the file as it was when the run began.
        start: where the run goes on.
        resumed: whether an earlier run has not come to its end.
        settled: how far it has come.
        length: number of records; None before the end was read.
        beyond: lines of settled records behind a gap, by the numbers of the records.
    """

    identity: FileIdentity
    start: Checkpoint
    resumed: bool
    settled: Checkpoint
    length: int | None = None
    beyond: dict[int, int | None] = field(default_factory=dict)

    def settle(self, number: int, line: int | None) -> None:
        # A source that changed since the run was planned is read from its beginning.
        if number <= self.settled.records:
            return
        self.beyond[number] = line
        records, last_line = self.settled.records, self.settled.line
        while records + 1 in self.beyond:
            records += 1
            last_line = self.beyond.pop(records)
        self.settled = Checkpoint(records, last_line, complete=records == self.length)

    def end(self, length: int) -> None:
        self.length = length
        self.settled = Checkpoint(
            self.settled.records, self.settled.line, complete=self.settled.records == length
        )


class SourceProgress:
    """How far the sources of a run are settled. Use `open`. Sources that are no files are read from the beginning.

    Args:
        file: where checkpoints are kept; stays the caller's.
        sources: the sources of which they are kept, by their places in the run.
        clock: monotonic time, in seconds.
    """

    def __init__(
        self, file: CheckpointFile, sources: dict[int, _Source], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = file
        self._sources = sources
        self._clock = clock
        self._saved_at_s = clock()
        self._saved = {place: source.start for place, source in sources.items()}

    @classmethod
    def open(
        cls,
        file: CheckpointFile,
        locations: Sequence[str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> "SourceProgress":
        """Looks up where each source is to be gone on with. Blocks.

        Args:
            file: where checkpoints are kept.
            locations: the sources of the run: paths, web addresses, or ``"-"``.
            clock: monotonic time, in seconds.

        Raises:
            CheckpointError: the file cannot be used.
        """
        sources = {}
        for place, location in enumerate(locations):
            identity = _identity(location)
            if identity is None:
                continue
            found = file.load(identity)
            if found is None:
                # What is there says that a run has begun, though nothing may have been acknowledged.
                file.store(identity, _NOTHING)
            start = found or _NOTHING
            sources[place] = _Source(identity, start, resumed=found is not None, settled=start)
        return cls(file, sources, clock)

    def start(self, place: int) -> Checkpoint:
        """Returns where the run goes on with a source, as it was found when the run began."""
        return self._sources[place].start if place in self._sources else _NOTHING

    def is_resumed(self, place: int) -> bool:
        """Tells whether an earlier run began with a source and did not come to its end."""
        return place in self._sources and self._sources[place].resumed

    def start_now(self, place: int, location: str) -> Checkpoint:
        """Returns where to go on, about to read the source: the beginning, if it changed in the meantime. Blocks."""
        start = self.start(place)
        if start == _NOTHING or _identity(location) == self._sources[place].identity:
            return start
        return _NOTHING

    def settle(self, place: int, number: int, line: int | None) -> None:
        """Notes that a record is settled.

        Args:
            place: its source.
            number: which record of that, from 1.
            line: where it stands there; None if the source has no lines.
        """
        if place in self._sources:
            self._sources[place].settle(number, line)

    def end(self, place: int, records: int) -> None:
        """Notes that a source was read to its end, and has so many records."""
        if place in self._sources:
            self._sources[place].end(records)

    async def save_sometimes(self) -> None:
        """Saves what has changed, unless that was done within the last second.

        Raises:
            CheckpointError: the file cannot be used.
        """
        if self._clock() - self._saved_at_s >= _SAVE_INTERVAL_S:
            await self.save()

    async def save(self) -> None:
        """Saves what has changed.

        Raises:
            CheckpointError: the file cannot be used.
        """
        self._saved_at_s = self._clock()
        changed = {
            place: source.settled
            for place, source in self._sources.items()
            if source.settled != self._saved[place]
        }
        if changed:
            await asyncio.to_thread(self._store, changed)
            self._saved |= changed

    async def forget(self) -> None:
        """Drops the checkpoints: everything is settled, and the next run begins anew.

        Raises:
            CheckpointError: the file cannot be used.
        """
        await asyncio.to_thread(self._forget)

    def _store(self, checkpoints: dict[int, Checkpoint]) -> None:
        for place, checkpoint in checkpoints.items():
            self._file.store(self._sources[place].identity, checkpoint)

    def _forget(self) -> None:
        for source in self._sources.values():
            self._file.forget(source.identity)


def _identity(location: str) -> FileIdentity | None:
    """The file at a location; None if there is none that can be read, whatever else there may be."""
    path = Path(location)
    try:
        return FileIdentity.of(path) if path.is_file() else None
    except OSError:
        return None
