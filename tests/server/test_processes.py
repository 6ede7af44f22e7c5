"""Tests of `serve_in_processes`: several servers on one port, as `gistwire serve --processes` runs them."""

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import psutil
import pytest
from gistwire.v1 import search_pb2, search_pb2_grpc
from gistwire_client.exit_status import ExitStatus
from gistwire_server.config import load_config
from gistwire_server.errors import ConfigurationError
from gistwire_server.processes import serve_in_processes

from tests.client.commands.conftest import COMMAND, Gistwire
from tests.client.commands.conftest import gistwire as gistwire

_CONNECTIONS = 24
_WITHIN_S = 120.0


class Served:
    """Servers in processes, and the process that looks after them."""

    def __init__(self, process: asyncio.subprocess.Process, target: str) -> None:
        self.process = process
        self.target = target

    def servers(self) -> list[psutil.Process]:
        """Those that listen."""
        port = int(self.target.rpartition(":")[2])
        return [
            each
            for each in psutil.Process(self.process.pid).children()
            if any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
                for connection in each.net_connections("tcp")
            )
        ]

    def connections(self, server: psutil.Process) -> int:
        """Connections of clients to one of the servers."""
        port = int(self.target.rpartition(":")[2])
        return sum(
            each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port
            for each in server.net_connections("tcp")
        )

    async def search(self, stack: AsyncExitStack) -> str:
        """Makes a search over a connection of its own, which lasts as long as the stack; returns its last event."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(self.target, options=options))
        stub = search_pb2_grpc.SearchServiceStub(channel)
        kinds = [
            str(event.WhichOneof("event"))
            async for event in stub.StreamSearch(search_pb2.StreamSearchRequest(query="harbour"))
        ]
        return kinds[-1]


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    """Runs two servers until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "serve", "--port", "0", "--processes", "2", "--data-dir", str(folder)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_WITHIN_S):
            line = b""
            while b"processes" not in line:
                line = await process.stderr.readline()
                assert line, "it ended"
        announced = re.search(rb"127\.0\.0\.1:\d+", line)
        assert announced is not None
        reading = asyncio.create_task(process.stderr.read())
        yield Served(process, announced.group().decode())
        await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(holds: Callable[[], bool]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(_WITHIN_S):
        while not holds():
            await asyncio.sleep(0.05)


async def test_connections_are_shared_and_a_server_that_ends_is_replaced(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, AsyncExitStack() as stack:
        for _ in range(_CONNECTIONS):
            assert await served.search(stack) == "completed"
        first, second = served.servers()
        shares = served.connections(first), served.connections(second)
        assert sum(shares) == _CONNECTIONS
        assert min(shares) > 0
        first.kill()
        await until(lambda: len(served.servers()) == 2)
        assert second in served.servers()
        assert first.pid not in [each.pid for each in served.servers()]
        for _ in range(4):
            assert await served.search(stack) == "completed"
        children = psutil.Process(served.process.pid).children()
        served.process.send_signal(signal.SIGTERM)
        assert await served.process.wait() == ExitStatus.DONE
        await until(lambda: not any(each.is_running() for each in children))


async def test_servers_end_if_nobody_looks_after_them_any_more(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        servers = served.servers()
        assert len(servers) == 2
        served.process.kill()
        await until(lambda: not any(each.is_running() for each in servers))


@pytest.mark.parametrize("reuses", [False, True])
def test_a_port_that_is_in_use_is_a_clear_error(
    gistwire: Gistwire, tmp_path: Path, log_restored: None, *, reuses: bool
) -> None:
    with socket.socket() as other:
        if reuses:
            # As another set of servers does.
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        outcome = gistwire("serve", "--port", port, "--processes", "2", "--data-dir", tmp_path)
    assert outcome.status == ExitStatus.FAILED
    assert "cannot be bound" in outcome.errors


def test_why_servers_cannot_begin_is_told(gistwire: Gistwire, tmp_path: Path, log_restored: None) -> None:
    (tmp_path / "file").write_text("no folder")
    outcome = gistwire("serve", "--port", "0", "--processes", "2", "--data-dir", tmp_path / "file" / "data")
    assert outcome.status == ExitStatus.FAILED
    assert "the server cannot run" in outcome.errors


def test_a_private_socket_has_one_server(tmp_path: Path, log_restored: None) -> None:
    with pytest.raises(ConfigurationError, match="private socket"):
        serve_in_processes(load_config(data_dir=tmp_path, listen="unix", processes=2))
