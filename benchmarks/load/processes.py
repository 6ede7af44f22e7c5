"""Server and generator as processes of their own, and what they take: `running_server_process`, `make_load`."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import msgspec
import psutil

from benchmarks.load.searches import Load, LoadReport
from benchmarks.machine import free_port

_STARTS_WITHIN_S = 120.0
_ENDS_WITHIN_S = 45.0
_LOG_END_CHARACTERS = 2_000
_REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server took while a load lasted.

    Attributes:
        cpu_s: time of a core, of all its processes, in user and system mode.
        event_loop_s: of it that of the main threads, which run the event loops.
        memory_mb: memory in RAM at the end.
    """

    cpu_s: float
    event_loop_s: float
    memory_mb: float


class ServerProcess:
    """A server that was started.

    Attributes:
        target: where it is.
    """

    def __init__(self, process: psutil.Popen, target: str, log: Path) -> None:
        self._process = process
        self._log = log
        self.target = target

    def log_end(self) -> str:
        """The end of what it has said."""
        return _end_of(self._log)

    def memory_mb(self) -> float:
        """Memory in RAM, of all its processes."""
        return sum(each.memory_info().rss for each in self._processes()) / 1e6

    def used(self) -> Usage:
        """What it took since it was started."""
        cpu_s = event_loop_s = 0.0
        for process in self._processes():
            times = process.cpu_times()
            cpu_s += times.user + times.system
            event_loop_s += sum(
                each.user_time + each.system_time for each in process.threads() if each.id == process.pid
            )
        return Usage(cpu_s, event_loop_s, self.memory_mb())

    def cpu_s(self) -> float:
        """Time of a core that its first process has taken, finer than the hundredths of a second in `used`. Linux."""
        # The identifier of a process's clock, as clock_getcpuclockid(3) makes it.
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def _processes(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


@contextmanager
def running_server_process(command: Sequence[str], target: str, *, log: Path) -> Iterator[ServerProcess]:
    """Runs a program that serves gRPC, until the block ends.

    Args:
        command: the program and its arguments.
        target: where it will be.
        log: where its output goes.

    Raises:
        RuntimeError: it ended, or did not answer in time; the message has the end of its output.
    """
    with log.open("wb") as output:
        process = psutil.Popen(list(command), cwd=_REPOSITORY, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(process, target, log)
            yield ServerProcess(process, target, log)
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(_ENDS_WITHIN_S)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()


def make_load(load: Load, server: ServerProcess) -> tuple[LoadReport, Usage]:
    """Makes a load by a process of its own; returns what became of it, and what the server took meanwhile.

    Raises:
        RuntimeError: the generator failed.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load.generator"],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as generator:
        if generator.stdin is None or generator.stdout is None:
            raise RuntimeError("the generator has no pipes")
        generator.stdin.write(msgspec.json.encode(load) + b"\n")
        generator.stdin.flush()
        generator.stdout.readline()
        before = server.used()
        generator.stdin.write(b"begin\n")
        generator.stdin.flush()
        answer = generator.stdout.readline()
        after = server.used()
    if generator.returncode:
        raise RuntimeError(f"the load generator ended with {generator.returncode}")
    used = Usage(
        after.cpu_s - before.cpu_s, after.event_loop_s - before.event_loop_s, memory_mb=after.memory_mb
    )
    return msgspec.json.decode(answer, type=LoadReport), used


def free_address() -> str:
    """An address of this machine alone that nothing listens at."""
    return f"127.0.0.1:{free_port()}"


def _wait_until_ready(process: psutil.Popen, target: str, log: Path) -> None:
    ends = time.monotonic() + _STARTS_WITHIN_S
    with grpc.insecure_channel(target) as channel:
        while time.monotonic() < ends:
            try:
                grpc.channel_ready_future(channel).result(timeout=0.5)
            except grpc.FutureTimeoutError:
                if process.poll() is not None:
                    break
            else:
                return
    raise RuntimeError(f"{target} does not answer:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-_LOG_END_CHARACTERS:]
