"""`OperationReader`: reads the operations of a StreamIngest call ahead of the work, and cuts them into batches."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from gistwire.v1 import article_pb2
from gistwire_indexer.index import Visibility

from gistwire_server.errors import FieldViolation, InvalidRequestError

_Options = article_pb2.IngestOptions
_VISIBILITIES = {
    _Options.VISIBILITY_UNSPECIFIED: Visibility.AWAITED,
    _Options.IMMEDIATE: Visibility.IMMEDIATE,
    _Options.AWAITED: Visibility.AWAITED,
    _Options.EVENTUAL: Visibility.EVENTUAL,
}

# Articles of news are a few kilobytes; only hostile ones come near these.
_MAX_WAITING_BYTES = 16 * 1024 * 1024
_MAX_BATCH_BYTES = 8 * 1024 * 1024


class OperationReader:
    """Reads at most a window of operations, and 16 MiB of them, before they are taken.

    While that much waits nothing is read, and the transport holds the sender back.
    """

    def __init__(self, requests: AsyncIterator[article_pb2.StreamIngestRequest], *, window: int) -> None:
        self._window = window
        self._waiting: deque[article_pb2.StreamIngestRequest] = deque()
        self._waiting_bytes = 0
        self._visibility: Visibility | None = None
        self._ended = False
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._reading = asyncio.create_task(self._read(requests))

    async def visibility(self) -> Visibility:
        """Waits for the first message, and returns what it asks for."""
        while self._visibility is None and not self._ended:
            await self._arrival()
        return self._visibility or Visibility.AWAITED

    async def next_batch(self, size: int) -> list[article_pb2.StreamIngestRequest]:
        """Waits for an operation, and takes what else of its kind is there.

        Args:
            size: most operations to take.

        Returns:
            upserts only or deletions only; empty when the sender has closed.

        Raises:
            InvalidRequestError: an operation is malformed; what came before it was handed out.
        """
        while not self._waiting and not self._ended:
            await self._arrival()
        if not self._waiting:
            await self._reading
            return []
        kind = self._waiting[0].WhichOneof("operation")
        batch = [self._take()]
        batch_bytes = batch[0].ByteSize()
        while self._waiting and len(batch) < size and batch_bytes < _MAX_BATCH_BYTES:
            if self._waiting[0].WhichOneof("operation") != kind:
                break
            batch.append(self._take())
            batch_bytes += batch[-1].ByteSize()
        return batch

    async def close(self) -> None:
        """Ends reading."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, requests: AsyncIterator[article_pb2.StreamIngestRequest]) -> None:
        latest = 0
        try:
            async for request in requests:
                _check(request, latest, is_first=self._visibility is None)
                if self._visibility is None:
                    self._visibility = _VISIBILITIES[request.options.visibility]
                    self._arrived.set()
                if request.WhichOneof("operation") is None:
                    continue
                latest = request.sequence
                await self._put(request)
        finally:
            self._ended = True
            self._arrived.set()

    async def _put(self, request: article_pb2.StreamIngestRequest) -> None:
        while len(self._waiting) >= self._window or self._waiting_bytes >= _MAX_WAITING_BYTES:
            self._taken.clear()
            await self._taken.wait()
        self._waiting.append(request)
        self._waiting_bytes += request.ByteSize()
        self._arrived.set()

    def _take(self) -> article_pb2.StreamIngestRequest:
        request = self._waiting.popleft()
        self._waiting_bytes -= request.ByteSize()
        self._taken.set()
        return request

    async def _arrival(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()


def _check(request: article_pb2.StreamIngestRequest, latest: int, *, is_first: bool) -> None:
    """Checks a message.

    Raises:
        InvalidRequestError: it is malformed.
    """
    violations = []
    if request.HasField("options"):
        if not is_first:
            violations.append(FieldViolation("options", "must be in the first message"))
        if request.options.visibility not in _VISIBILITIES:
            violations.append(FieldViolation("options.visibility", "is not known"))
    operation = request.WhichOneof("operation")
    if operation is None and not request.HasField("options"):
        violations.append(FieldViolation("operation", "must be upsert or delete_id"))
    if operation is not None and request.sequence <= latest:
        violations.append(
            FieldViolation("sequence", f"is {request.sequence}; it must be greater than {latest}")
        )
    if operation == "delete_id" and not request.delete_id:
        violations.append(FieldViolation("delete_id", "must not be empty"))
    if violations:
        raise InvalidRequestError(violations)
