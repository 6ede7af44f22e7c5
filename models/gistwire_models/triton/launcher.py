"""Runs a Triton server on this machine, without Docker: `TritonProcess`."""

import atexit
import http.client
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import gistwire

import gistwire_models
from gistwire_models.triton.distribution import TritonInstallationError, installed_triton

PATH_VARIABLE = "GISTWIRE_TRITON_PATH"
"""Folders in which the models look for Python packages, joined as in ``PATH``."""

_LOOPBACK = "127.0.0.1"
_READY_WITHIN_S = 180.0
_ASK_EACH_S = 0.1
_ENDED_WITHIN_S = 40.0

# Models are native code that reads text from anywhere: as root they run as somebody without rights.
_OTHER_USER = "nobody"

SERVER_OPTIONS = (
    "--model-control-mode=explicit",
    "--disable-auto-complete-config",
    "--exit-on-error=true",
    # Clients look after their connections every 20 s.
    "--grpc-http2-min-recv-ping-interval-without-data=10000",
    "--grpc-http2-max-ping-strikes=0",
)
"""How a server is started, wherever it runs."""


class TritonProcess:
    """A server as a child of this process, reachable from this machine alone. Ends with it.

    Args:
        repository: the model repository.
        models: which of its models are loaded.
        ports: of gRPC, HTTP and metrics; 0 for a free one. The same at each start.
        log_file: what it writes; None for a temporary file.
        packages: folders of packages that models import beside ours, such as torch; they come last.
    """

    kind = "process"

    def __init__(
        self,
        repository: Path,
        models: Sequence[str] = ("encoder", "summarizer"),
        *,
        ports: tuple[int, int, int] = (0, 0, 0),
        log_file: Path | None = None,
        packages: Sequence[Path] = (),
    ) -> None:
        self._repository = repository.resolve()
        self._installation = installed_triton()
        self._models = tuple(models)
        self._ports = tuple(port or _free_port() for port in ports)
        self._folder = Path(tempfile.mkdtemp(prefix="gistwire-triton-"))
        self._log_file = log_file or self._folder / "output.txt"
        self._path = (self._installation.packages, *package_folders(), *packages)
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    @property
    def target(self) -> str:
        """Where its gRPC service answers, as ``HOST:PORT``."""
        return f"{_LOOPBACK}:{self._ports[0]}"

    @property
    def url(self) -> str:
        """Where its HTTP service answers."""
        return f"http://{_LOOPBACK}:{self._ports[1]}"

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"http://{_LOOPBACK}:{self._ports[2]}/metrics"

    def start(self) -> None:
        """Starts it, and waits until the models can be asked.

        Raises:
            TritonInstallationError: it ended, or is not ready in time; the message has the end of its log.
        """
        grpc_port, http_port, metrics_port = self._ports
        command = [
            str(self._installation.server),
            f"--model-repository={self._repository}",
            f"--backend-directory={self._installation.backends}",
            *(f"--{service}-address={_LOOPBACK}" for service in ("grpc", "http", "metrics")),
            f"--grpc-port={grpc_port}",
            f"--http-port={http_port}",
            f"--metrics-port={metrics_port}",
            *(f"--load-model={model}" for model in self._models),
            *SERVER_OPTIONS,
        ]
        libraries = [str(self._installation.libraries), str(sysconfig.get_config_var("LIBDIR"))]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._folder),
            "LD_LIBRARY_PATH": os.pathsep.join(libraries),
            PATH_VARIABLE: os.pathsep.join(map(str, self._path)),
        }
        user = pwd.getpwnam(_OTHER_USER) if self._may_be_another_user() else None
        with self._log_file.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                # A signal to this process is not one to the server, which is ended with its own children.
                start_new_session=True,
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
            )
        try:
            is_ready = wait_until_ready(self.url, has_ended=self.has_ended)
        except BaseException:
            self.kill()
            raise
        if not is_ready:
            self.kill()
            raise TritonInstallationError(f"Triton is not ready at {self.target}:\n{self.log()[-3000:]}")

    def stop(self) -> None:
        """Ends it as it ends by itself: requests under way are answered first."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stops it from doing anything; its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def has_ended(self) -> bool:
        """Whether it does not run."""
        return self._process is None or self._process.poll() is not None

    def log(self) -> str:
        """Returns what it has written to its log."""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Ends it and removes what it wrote, except a log file that was given."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.close)

    def _may_be_another_user(self) -> bool:
        """Whether this is root, and everybody can read the repository and what the models import."""
        if os.geteuid() != 0:
            return False
        folders = {parent for path in (self._repository, *self._path) for parent in path.resolve().parents}
        return all(folder.stat().st_mode & 0o001 for folder in folders)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        try:
            self._process.wait(_ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(_ENDED_WITHIN_S)
        # What it has started ends a moment later by itself, or never where it was frozen.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None


def wait_until_ready(url: str, *, has_ended: Callable[[], bool]) -> bool:
    """Waits until a server's models can be asked; returns False if it ended, or takes longer than three minutes.

    Args:
        url: where its HTTP service answers.
        has_ended: whether it has stopped running, so that waiting is in vain.
    """
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline and not has_ended():
        try:
            with urllib.request.urlopen(f"{url}/v2/health/ready", timeout=5):  # noqa: S310
                return True
        except (OSError, http.client.HTTPException):
            time.sleep(_ASK_EACH_S)
    return False


def package_folders() -> tuple[Path, ...]:
    """Returns the folders that hold the packages of ours which the models import."""
    found = (Path(package.__path__[0]).parent for package in (gistwire_models, gistwire))
    return tuple(dict.fromkeys(found))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])
