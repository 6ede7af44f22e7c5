"""Several servers on one port, each a process of its own: `serve_in_processes`, where one event loop is the limit."""

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

import msgspec
import structlog
from gistwire_models.cores import available_cores

from gistwire_server.config import UNIX_SOCKET, ServerConfig
from gistwire_server.errors import ConfigurationError, GistwireServerError
from gistwire_server.telemetry.log import configure_log

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
"""Before a process that ended is replaced, doubled each time it lasted less than `_STEADY_S`."""
_STEADY_S = 60.0
_KILLED_AFTER_S = 10.0
"""How much longer than its drain a process may take to end."""
_LOOK_S = 0.2

_log = structlog.get_logger(__name__)


def serve_in_processes(config: ServerConfig) -> None:
    """Runs `config.processes` servers on one port until SIGINT or SIGTERM, and replaces those that end before.

    The kernel hands each new connection to one of them. They share the index and nothing else. To be called in the
    main thread, where nothing else runs yet.

    Raises:
        ConfigurationError: the port cannot be bound, or a setting does not suit several processes.
        GistwireServerError: one of them could not begin; the message is its error's.
    """
    configure_log(config.telemetry)
    with _reserved(config.listen) as listen, _told_to_end() as ending:
        servers = [_Server(number, _of_process(config, number, listen)) for number in range(config.processes)]
        try:
            # The first one makes what all share, if it is not there.
            first, *others = servers
            first.start()
            first.wait_until_serving(ending)
            for server in others:
                server.start()
            for server in others:
                server.wait_until_serving(ending)
            _log.info("serving", target=listen, processes=config.processes)
            while not ending.is_set():
                # Told of ends by the sentinels; looks now and then whether it is to end itself.
                wait([server.sentinel for server in servers if server.sentinel is not None], _LOOK_S)
                for server in servers:
                    server.replace_if_ended()
        finally:
            for server in servers:
                server.terminate()
            limit = time.monotonic() + config.limits.drain_s + _KILLED_AFTER_S
            for server in servers:
                server.join(limit)


@contextmanager
def _reserved(listen: str) -> Iterator[str]:
    """Holds a port that servers of this user may share; returns ``HOST:PORT`` with the port that it is."""
    if listen == UNIX_SOCKET:
        raise ConfigurationError("processes: a private socket has one server; set listen to HOST:PORT")
    host, _, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bare, int(port), type=socket.SOCK_STREAM)[0]
        held = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"listen: {listen}: {error}") from error
    with held:
        try:
            if port != "0":
                _check_free(family, address)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Bound and not listening, it gets no connections.
            held.bind(address)
        except OSError as error:
            raise ConfigurationError(f"listen: {listen} cannot be bound; is it in use?") from error
        yield f"{host}:{held.getsockname()[1]}"


def _check_free(family: int, address: object) -> None:
    """Raises OSError if anybody listens there: another set of servers would share its calls with this one unseen."""
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(address)  # type: ignore[arg-type]


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Sets an event on SIGINT or SIGTERM while the block runs."""
    ending = threading.Event()

    def end(signal_number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        ending.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _of_process(config: ServerConfig, number: int, listen: str) -> ServerConfig:
    """The configuration of one of several: its share of the cores, and metrics at a port of its own."""
    cores = max(1, available_cores() // config.processes)
    telemetry = config.telemetry
    if telemetry.metrics_listen is not None:
        host, _, port = telemetry.metrics_listen.rpartition(":")
        if port.isdecimal() and port != "0":
            shifted = f"{host}:{int(port) + number}"
            telemetry = msgspec.structs.replace(telemetry, metrics_listen=shifted)
    return msgspec.structs.replace(
        config,
        listen=listen,
        encoder_threads=config.encoder_threads or cores,
        summarizer_threads=config.summarizer_threads or cores,
        telemetry=telemetry,
    )


@dataclass(frozen=True, slots=True)
class _Begun:
    """What a process says once: that it serves, or why it does not."""

    failure: str | None = None


class _Server:
    """One of the servers, and those that come after it."""

    def __init__(self, number: int, config: ServerConfig) -> None:
        self._number = number
        self._config = config
        self._process: BaseProcess | None = None
        self._begun, _ = multiprocessing.Pipe(duplex=False)
        self._started = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._due: float | None = None

    @property
    def sentinel(self) -> int | None:
        """What becomes ready when the process ends; None while there is none."""
        return None if self._process is None else self._process.sentinel

    def start(self) -> None:
        """Starts a process."""
        context = multiprocessing.get_context("spawn")
        self._begun, telling = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_run, args=(self._config, telling), name=f"gistwire-server-{self._number}"
        )
        self._process.start()
        telling.close()
        self._started, self._due = time.monotonic(), None

    def wait_until_serving(self, ending: threading.Event) -> None:
        """Waits until the process serves, or all are to end.

        Raises:
            GistwireServerError: it does not, and says why.
        """
        while not ending.is_set():
            if self._begun.poll(_LOOK_S):
                try:
                    begun = self._begun.recv()
                except EOFError:
                    begun = _Begun("a server process ended before it served")
                if begun.failure is not None:
                    raise GistwireServerError(begun.failure)
                return

    def replace_if_ended(self) -> None:
        """Has another process take the place of one that ended, after a pause."""
        now = time.monotonic()
        if self._process is not None and not self._process.is_alive():
            self._pause_s = (
                _FIRST_PAUSE_S
                if now - self._started >= _STEADY_S
                else min(2 * self._pause_s, _LONGEST_PAUSE_S)
            )
            _log.error(
                "server_process_ended",
                number=self._number,
                exit_code=self._process.exitcode,
                replaced_in_s=self._pause_s,
            )
            self._process, self._due = None, now + self._pause_s
        if self._due is not None and now >= self._due:
            self.start()

    def terminate(self) -> None:
        """Has the process drain."""
        if self._process is not None:
            self._process.terminate()

    def join(self, limit: float) -> None:
        """Waits for the end of the process, until a time of the monotonic clock, and then ends it."""
        if self._process is None:
            return
        self._process.join(max(0.0, limit - time.monotonic()))
        if self._process.is_alive():
            _log.error("server_process_killed", number=self._number)
            self._process.kill()
            self._process.join()


def _run(config: ServerConfig, telling: Connection) -> None:
    """What a process does: serves until it is told to end, or until nobody is left to tell it."""
    # In a process that only looks after others nothing of this is imported.
    import asyncio  # noqa: PLC0415

    from gistwire_indexer.errors import GistwireIndexerError  # noqa: PLC0415
    from gistwire_models.errors import GistwireModelError  # noqa: PLC0415

    from gistwire_server.app import serve  # noqa: PLC0415

    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        asyncio.run(serve(config, when_serving=lambda: telling.send(_Begun())))
    except (GistwireIndexerError, GistwireModelError, GistwireServerError, OSError) as error:
        # Who began it waits for its first word alone: one that takes another's place has only the log.
        _log.error("server_failed", error=str(error))
        telling.send(_Begun(str(error)))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
