"""`DelayingRelay`: a link on the loopback interface that brings answers late, as a backend that is slow does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CHUNK_BYTES = 65_536


class DelayingRelay:
    """Passes bytes on both ways. Use `running`.

    Attributes:
        target: where it listens, as ``HOST:PORT``.
        delay_s: how late what the server sends arrives, in seconds.
        connections: connections that are open.
        tasks: what it runs.
    """

    def __init__(self, upstream: str) -> None:
        self.target = ""
        self.delay_s = 0.0
        self.connections = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self._host, _, port = upstream.rpartition(":")
        self._port = int(port)

    @classmethod
    @asynccontextmanager
    async def running(cls, upstream: str) -> AsyncIterator["DelayingRelay"]:
        """Runs a relay to the server at ``HOST:PORT`` while the block runs."""
        relay = cls(upstream)
        server = await asyncio.start_server(relay._accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        relay.target = f"{host}:{port}"
        try:
            yield relay
        finally:
            server.close()
            for task in relay.tasks:
                task.cancel()
            await asyncio.gather(*relay.tasks, return_exceptions=True)
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        up_writer = None
        ways: list[asyncio.Task[None]] = []
        try:
            up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
            ways = [
                asyncio.create_task(self._pass(reader, up_writer, late=False)),
                asyncio.create_task(self._pass(up_reader, writer, late=True)),
            ]
            self.tasks.update(ways)
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            # Nobody listens there, as a server may when it is down.
            pass
        finally:
            self.connections -= 1
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.tasks.difference_update(ways)
            for each in (writer, up_writer):
                if each is not None:
                    each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if late and self.delay_s:
                # The delay is what is tested.
                await asyncio.sleep(self.delay_s)
            writer.write(data)
            await writer.drain()
