"""`watched_server`: a server in a process of its own, with what it says of its tasks and its memory."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class ServerState:
    """What a server's process holds.

    Attributes:
        objects: objects of Python that its garbage collector knows.
        tasks: tasks of its event loop.
        threads: its threads.
        files: its open files and sockets.
        resident_bytes: its memory, without what the allocator keeps for later.
        handed_over_bytes: what all searches have handed to gRPC since it began.
        sent_events: how many events each search that runs has handed to gRPC.
        waiting_bytes: what waits for each reader before that.
    """

    objects: int
    tasks: int
    threads: int
    files: int
    resident_bytes: int
    handed_over_bytes: int
    sent_events: list[int]
    waiting_bytes: list[int]


class WatchedServer:
    """A server in a process of its own. Use `watched_server`.

    Attributes:
        target: where it listens.
        process: its process.
    """

    def __init__(self, process: asyncio.subprocess.Process, log_file: Path) -> None:
        self.target = ""
        self.process = process
        self._log_file = log_file

    async def state(self) -> ServerState:
        """Asks it what it holds."""
        if self.process.stdin is None:
            raise AssertionError("it was started without standard input")
        self.process.stdin.write(b"\n")
        return ServerState(**await self.read())

    async def settled(self, *, tasks: int) -> ServerState:
        """Waits until it has no more than so many tasks."""
        async with asyncio.timeout(_WITHIN_S):
            while (state := await self.state()).tasks > tasks:
                await asyncio.sleep(0.1)
        return state

    async def read(self) -> dict[str, Any]:
        """Reads what it writes next."""
        if self.process.stdout is None:
            raise AssertionError("it was started without standard output")
        async with asyncio.timeout(_WITHIN_S):
            line = await self.process.stdout.readline()
        assert line, self.log()
        message: dict[str, Any] = json.loads(line)
        return message

    def log(self) -> str:
        """Returns the end of its log."""
        return self._log_file.read_text(encoding="utf-8")[-5_000:]


@asynccontextmanager
async def watched_server(folder: Path, **fields: object) -> AsyncGenerator[WatchedServer, None]:
    """Runs a server while the block runs; it must end well then.

    Args:
        folder: for its data and its log.
        fields: of ServerConfig, as a TOML file would have them.
    """
    log_file = folder / "server.log"
    config = {"data_dir": str(folder / "data"), "listen": "127.0.0.1:0", **fields}
    with log_file.open("a") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.server_process", json.dumps(config)),
            cwd=_ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        server = WatchedServer(process, log_file)
        server.target = (await server.read())["target"]
        yield server
        if process.stdin is not None:
            process.stdin.close()
        async with asyncio.timeout(_WITHIN_S):
            await process.wait()
        assert process.returncode == 0, server.log()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
