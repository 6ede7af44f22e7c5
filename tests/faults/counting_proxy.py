"""A proxy on the loopback interface that counts what passes: `counting_proxy`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

_PIECE_BYTES = 65_536


@dataclass(slots=True)
class Passed:
    """What passes a proxy.

    Attributes:
        url: where the proxy listens.
        request_bytes: what went to the server behind it.
    """

    url: str = ""
    request_bytes: int = 0


@asynccontextmanager
async def counting_proxy(upstream: str) -> AsyncGenerator[Passed, None]:
    """Passes connections on to a server while the block runs.

    Args:
        upstream: its URL.
    """
    place = urlsplit(upstream)
    passed = Passed()
    connections: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        try:
            while piece := await reader.read(_PIECE_BYTES):
                passed.request_bytes += len(piece) if count else 0
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        behind_reader, behind_writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            await asyncio.gather(
                copy(reader, behind_writer, count=True), copy(behind_reader, writer, count=False)
            )
        finally:
            for each in (writer, behind_writer):
                each.transport.abort()
            connections.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    passed.url = f"http://{host}:{port}"
    try:
        yield passed
    finally:
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()
