"""The users of one tenant in a folder: `EmbeddedUserEvents`, a `UserEventStore`; reached by `EmbeddedStore`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from gistwire_indexer.embedded.user_file import UserFile
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.user_events import Rating, UserEvent

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class EmbeddedUserEvents:
    """A `UserEventStore` in a folder, in a SQLite file of its own.

    Several processes may have the same folder open; each sees what the others wrote. Reading and writing are done
    in threads of the store. A write whose caller is cancelled still ends, in one piece.
    """

    def __init__(self, file: UserFile) -> None:
        """Use `open`."""
        self._file = file
        # One thread each: a connection is used by one at a time, and writes never hold up reads.
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="gistwire-users-write")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="gistwire-users-read")
        self._closed = False

    @classmethod
    async def open(cls, folder: Path, *, busy_timeout_s: float = 10.0) -> "EmbeddedUserEvents":
        """Opens the store in a folder, which is made if it is missing.

        Args:
            folder: the folder; no other files of it are touched.
            busy_timeout_s: how long a write waits for another process that writes.

        Raises:
            IndexFormatError: the file was written by a newer version.
            IndexUnavailableError: the folder or the file cannot be used.
        """
        return cls(await asyncio.to_thread(UserFile, folder, busy_timeout_s=busy_timeout_s))

    async def write(self, events: Sequence[UserEvent]) -> list[bool]:
        """As `UserEventStore.write`, in one transaction."""
        return await self._run(self._writing, self._file.write, list(events))

    async def history(self, user_id: str, *, limit: int) -> list[UserEvent]:
        """As `UserEventStore.history`."""
        return await self._run(self._reading, self._file.history, user_id, limit=limit)

    async def count(self, user_id: str) -> int:
        """As `UserEventStore.count`."""
        return await self._run(self._reading, self._file.count, user_id)

    async def popularity(self, since: datetime, *, limit: int) -> Mapping[str, float]:
        """As `UserEventStore.popularity`."""
        return await self._run(self._reading, self._file.popularity, since, limit=limit)

    async def ratings(self, since: datetime, *, limit: int) -> list[Rating]:
        """As `UserEventStore.ratings`."""
        return await self._run(self._reading, self._file.ratings, since, limit=limit)

    async def tags(self, user_id: str) -> tuple[str, ...]:
        """As `UserEventStore.tags`."""
        return await self._run(self._reading, self._file.tags, user_id)

    async def set_tags(self, user_id: str, tags: Sequence[str]) -> None:
        """As `UserEventStore.set_tags`."""
        await self._run(self._writing, self._file.set_tags, user_id, list(tags))

    async def purge(self, user_id: str) -> int:
        """As `UserEventStore.purge`. The file is written anew, so it takes as long as the file is large."""
        return await self._run(self._writing, self._file.purge, user_id)

    async def close(self) -> None:
        """As `UserEventStore.close`. Calls under way are waited for."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._shut_down)

    async def _run(
        self,
        executor: Executor,
        work: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Result:
        if self._closed:
            raise IndexUnavailableError("the store of users was closed")
        return await asyncio.wrap_future(executor.submit(work, *args, **kwargs))

    def _shut_down(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        self._file.close()
