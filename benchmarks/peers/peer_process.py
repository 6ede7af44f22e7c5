"""A system under measurement as a process of its own: `running_system` starts it, `SystemProcess.search` asks it."""

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.adapter import Settings
from benchmarks.peers.errors import SystemFailedError
from benchmarks.peers.systems import SystemChoice

_REPOSITORY = Path(__file__).parents[2]
_ANSWERS_WITHIN_S = 300.0
"""Far more than any takes: for one that answers never."""

_ENDS_WITHIN_S = 60.0
_LONGEST_LINE_BYTES = 1 << 20

_ENVIRONMENT = {
    # Nothing is fetched, and nothing reported to anybody.
    "HF_HUB_OFFLINE": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "JINA_OPTOUT_TELEMETRY": "1",
    # Else tokenizers starts threads of its own beside those of torch.
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(slots=True)
class Answer:
    """How a search went; times in seconds from when it was asked.

    Attributes:
        hits: ids of the hits, in their first order.
        summaries: text of each hit's summary.
        order: ids in their final order.
        hits_s: when the hits were there.
        first_text_s: when the first text of a summary was there.
        final_s: when the final order was there.
    """

    hits: list[str] = field(default_factory=list)
    summaries: dict[str, str] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    hits_s: float = 0.0
    first_text_s: float = 0.0
    final_s: float = 0.0


class SystemProcess:
    """A system that has indexed the articles.

    Attributes:
        choice: which it is.
        versions: of its packages.
    """

    def __init__(self, choice: SystemChoice, process: asyncio.subprocess.Process) -> None:
        """Use `running_system`."""
        self.choice = choice
        self.versions: dict[str, str] = {}
        self._process = process
        self._root = psutil.Process(process.pid)
        self._numbers = itertools.count()
        self._events: dict[int, asyncio.Queue[tuple[float, dict[str, Any]]]] = {}

    async def search(self, query: str) -> Answer:
        """Asks for one search, and waits for its end; several may be asked at once.

        Raises:
            SystemFailedError: it could not be answered, or not in time.
        """
        number = next(self._numbers)
        events: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue()
        self._events[number] = events
        asked = time.perf_counter()
        await self._write({"id": number, "query": query})
        answer = Answer()
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                while True:
                    at, event = await events.get()
                    if "ended" in event:
                        break
                    _note(answer, event, at - asked, self.choice.name)
        except TimeoutError:
            raise SystemFailedError(
                f"{self.choice.name} has not answered within {_ANSWERS_WITHIN_S:.0f} s"
            ) from None
        del self._events[number]
        if not answer.order:
            raise SystemFailedError(f"{self.choice.name} ended a search without a final order")
        return answer

    def cpu_s(self) -> float:
        """Time of a core that it has taken so far, with all its child processes."""
        total = 0.0
        for process in [self._root, *self._root.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
        return total

    def memory_mb(self) -> float:
        """Memory in RAM, of all its processes."""
        return (
            sum(each.memory_info().rss for each in [self._root, *self._root.children(recursive=True)]) / 1e6
        )

    async def start(self, settings: Settings) -> None:
        """Has it index the articles."""
        await self._write(asdict(settings))
        self.versions = (await self._read())["versions"]

    async def dispatch(self) -> None:
        """Hands each event to the search that it is of, until the process ends.

        Raises:
            SystemFailedError: the process ended.
        """
        while True:
            event = await self._read()
            self._events[event["id"]].put_nowait((time.perf_counter(), event))

    async def close(self) -> None:
        """Lets it end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _write(self, message: dict[str, Any]) -> None:
        stream = self._process.stdin
        if stream is None:
            raise SystemFailedError(f"{self.choice.name} takes no input")
        stream.write(json.dumps(message).encode() + b"\n")
        await stream.drain()

    async def _read(self) -> dict[str, Any]:
        line = await self._process.stdout.readline() if self._process.stdout is not None else b""
        if not line:
            raise SystemFailedError(f"{self.choice.name} ended; what it said is above")
        message: dict[str, Any] = json.loads(line)
        return message


@asynccontextmanager
async def running_system(
    choice: SystemChoice, python: Path, settings: Settings
) -> AsyncIterator[SystemProcess]:
    """Runs a system until the block ends. What it prints goes to a file beside its folder.

    Args:
        choice: which.
        python: of its environment.
        settings: what it is given.

    Raises:
        SystemFailedError: it could not index.
    """
    environment = {**os.environ, **_ENVIRONMENT, "PYTHONPATH": _python_path(choice)}
    # Each library that computes in threads takes its number from here.
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(settings.threads))
    log = Path(settings.folder).with_suffix(".stderr")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            python,
            "-m",
            choice.module,
            *choice.options,
            cwd=_REPOSITORY,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
            limit=_LONGEST_LINE_BYTES,
        )
        system = SystemProcess(choice, process)
        try:
            await system.start(settings)
            async with asyncio.TaskGroup() as tasks:
                dispatching = tasks.create_task(system.dispatch())
                yield system
                dispatching.cancel()
        except* SystemFailedError:
            print(log.read_text(errors="replace")[-4_000:], file=sys.stderr)
            raise
        finally:
            await system.close()


def _note(answer: Answer, event: dict[str, Any], after_s: float, name: str) -> None:
    """Adds an event to the answer that it is of."""
    if "error" in event:
        raise SystemFailedError(f"{name} could not answer: {event['error']}")
    if "hits" in event:
        answer.hits, answer.hits_s = event["hits"], after_s
    if "first_text" in event or "summaries" in event:
        answer.first_text_s = answer.first_text_s or after_s
    answer.summaries |= event.get("summaries", {})
    if "order" in event:
        answer.order, answer.final_s = event["order"], after_s


def _python_path(choice: SystemChoice) -> str:
    """Where a system finds this package and, if our engine runs in it, ours of models."""
    folders = [_REPOSITORY, _REPOSITORY / "models"] if choice.has_our_engine else [_REPOSITORY]
    return os.pathsep.join(map(str, folders))
