"""An Elasticsearch server as a plain process, for tests to kill, freeze and start again: `ElasticsearchProcess`."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.backends.elasticsearch_distribution import copy_configuration, installed_elasticsearch
from tests.backends.elasticsearch_node import java_options, node_settings, wait_until_gone, wait_until_ready
from tests.backends.java import find_java
from tests.backends.ports import free_port

_STOPPED_WITHIN_S = 30.0

# Elasticsearch refuses to run as root.
_OTHER_USER = "nobody"


class ElasticsearchProcess:
    """A server with a data folder of its own, on a free port of the loopback interface.

    Args:
        settings: settings of the node besides those it needs.
        data: folder for its data; None for one that goes with the server. Kept otherwise.
        heap_mb: size of its heap.
    """

    kind = "process"
    version = ""

    def __init__(
        self, *, settings: Mapping[str, str] | None = None, data: Path | None = None, heap_mb: int = 768
    ) -> None:
        self._home = installed_elasticsearch()
        self._java = find_java()
        self._settings = node_settings(settings)
        self._heap_mb = heap_mb
        self._folder = Path(tempfile.mkdtemp(prefix="gistwire-elasticsearch-"))
        self._data = data or self._folder / "data"
        self._ports = (free_port(), free_port())
        self._process: subprocess.Popen[bytes] | None = None
        self._prepare()
        atexit.register(self.close)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._ports[0]}"

    def start(self) -> None:
        """Starts it, on the same port and data each time, and waits until it answers.

        Raises:
            BackendUnavailableError: it ended, or does not answer; the message has the end of its log.
        """
        options = {
            "http.port": str(self._ports[0]),
            "transport.port": str(self._ports[1]),
            "path.data": str(self._data),
            "path.logs": str(self._folder / "logs"),
            **self._settings,
        }
        command = [str(self._home / "bin" / "elasticsearch")]
        for name, value in options.items():
            command += ["-E", f"{name}={value}"]
        environment = {
            "PATH": os.environ["PATH"],
            "ES_JAVA_HOME": str(self._java),
            "ES_JAVA_OPTS": java_options(self._heap_mb),
            "ES_PATH_CONF": str(self._folder / "config"),
            "ES_TMPDIR": str(self._folder / "tmp"),
            "HOME": str(self._folder),
        }
        user = pwd.getpwnam(_OTHER_USER) if os.geteuid() == 0 else None
        with (self._folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                # A signal to the tests is not one to the server, which is ended with its own children.
                start_new_session=True,
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
            )
        try:
            self.version = wait_until_ready(self.url, has_ended=self._has_ended, log=self.log)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait(_STOPPED_WITHIN_S)
            self._process = None
            wait_until_gone(self._ports[0])

    def freeze(self) -> None:
        """Stops it from doing anything; its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def log(self) -> str:
        """Returns what it has written to its log."""
        return (self._folder / "output.txt").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Ends it and removes what it wrote, except a data folder that was given."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.close)

    def _prepare(self) -> None:
        copy_configuration(self._folder / "config", java=self._java)
        for name in ("logs", "tmp"):
            (self._folder / name).mkdir()
        self._data.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            user = pwd.getpwnam(_OTHER_USER)
            for path in (self._folder, self._data, *self._folder.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid)

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)
