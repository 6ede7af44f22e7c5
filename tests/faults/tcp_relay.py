"""`TcpRelay`: a link between a client and a server on this machine that tests make slow, late, or silent."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CHUNK_BYTES = 65_536
_SLOW_CHUNKS_PER_S = 4


class TcpRelay:
    """Passes bytes on both ways, on connections of its own. Use `running`.

    Attributes:
        target: where it listens, as ``HOST:PORT``.
        connections: its connections to the server that are open.
        received_bytes: what the server has sent on each connection, by the socket's number.
        delay_s: how late what the server sends arrives, in seconds.
        tasks: what it runs.
    """

    def __init__(self, upstream: str, bytes_per_s: int | None) -> None:
        self.target = ""
        self.connections = 0
        self.received_bytes: dict[int, int] = {}
        self.delay_s = 0.0
        self.tasks: set[asyncio.Task[None]] = set()
        self._host, _, port = upstream.rpartition(":")
        self._port = int(port)
        self._bytes_per_s = bytes_per_s
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._changed = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def running(cls, upstream: str, *, bytes_per_s: int | None = None) -> AsyncIterator["TcpRelay"]:
        """Runs a relay to a server while the block runs.

        Args:
            upstream: the server, as ``HOST:PORT``.
            bytes_per_s: how fast each connection takes what the server sends; None for no limit.
        """
        relay = cls(upstream, bytes_per_s)
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

    def silence(self) -> None:
        """Passes nothing on any more: connections stay open, as when a cable is pulled; new ones get nowhere."""
        self._flowing.clear()

    async def wait_for_connections(self, count: int) -> None:
        """Waits until so many connections to the server are open, or more."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.connections >= count)

    async def wait_for_no_connection(self) -> None:
        """Waits until no connection to the server is open."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.connections == 0)

    async def wait_for_bytes(self, count: int, *, connections: int) -> None:
        """Waits until so many connections have had so many bytes of the server each."""

        def had() -> bool:
            return sum(each >= count for each in self.received_bytes.values()) >= connections

        async with self._changed:
            await self._changed.wait_for(had)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._flowing.wait()
            with socket.socket() as upstream:
                await self._join(reader, writer, upstream)
        except OSError:
            # Nobody listens there, as a server may when it is down.
            pass
        finally:
            writer.transport.abort()

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: socket.socket
    ) -> None:
        upstream.setblocking(False)
        if self._bytes_per_s is not None:
            upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await asyncio.get_running_loop().sock_connect(upstream, (self._host, self._port))
        await self._count_connection(1)
        ways = [
            asyncio.create_task(self._pass_up(reader, upstream)),
            asyncio.create_task(self._pass_down(upstream, writer)),
        ]
        self.tasks.update(ways)
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.tasks.difference_update(ways)
            await self._count_connection(-1)

    async def _pass_up(self, reader: asyncio.StreamReader, upstream: socket.socket) -> None:
        """Returns when the client has closed, of which nobody hears either while the link is silent."""
        try:
            while data := await reader.read(_CHUNK_BYTES):
                await self._flowing.wait()
                await asyncio.get_running_loop().sock_sendall(upstream, data)
        except OSError:
            pass
        await self._flowing.wait()

    async def _pass_down(self, upstream: socket.socket, writer: asyncio.StreamWriter) -> None:
        slow = self._bytes_per_s
        size = _CHUNK_BYTES if slow is None else slow // _SLOW_CHUNKS_PER_S
        while data := await asyncio.get_running_loop().sock_recv(upstream, size):
            async with self._changed:
                key = upstream.fileno()
                self.received_bytes[key] = self.received_bytes.get(key, 0) + len(data)
                self._changed.notify_all()
            if self.delay_s:
                # The delay is what is tested.
                await asyncio.sleep(self.delay_s)
            if self._flowing.is_set():
                writer.write(data)
                await writer.drain()
            if slow is not None:
                # Paces the link: a reader of so many bytes a second is what is tested.
                await asyncio.sleep(len(data) / slow)

    async def _count_connection(self, difference: int) -> None:
        async with self._changed:
            self.connections += difference
            self._changed.notify_all()
