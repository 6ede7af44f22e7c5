"""The whole system of `deploy/compose`, as containers on this machine's Docker engine: `ComposeSystem`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.backends.elasticsearch_node import java_options
from tests.backends.errors import BackendUnavailableError
from tests.backends.ports import free_port
from tests.deploy.images import (
    PROMETHEUS_IMAGE,
    ROOT,
    elasticsearch_image,
    server_image,
    triton_image,
)

SERVICES = ("server", "elasticsearch", "triton", "prometheus")
"""What runs. Grafana is in a profile of its own."""

_UP_WITHIN_S = 600.0
_ASK_EACH_S = 0.5


@dataclass(frozen=True, slots=True)
class ComposeSystem:
    """A running system.

    Attributes:
        folder: the copy of ``deploy/compose`` that it runs from, with its secrets.
        target: where the server is published.
        environment: of Compose.
    """

    folder: Path
    target: str
    environment: dict[str, str]

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Runs Compose, and returns what it writes."""
        done = subprocess.run(
            [*compose_command(), *arguments],
            cwd=self.folder,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=_UP_WITHIN_S,
        )
        if check and done.returncode != 0:
            logs = self.compose("logs", "--tail", "20", check=False)[-5000:]
            raise BackendUnavailableError(f"compose {' '.join(arguments)}: {done.stderr[-3000:]}\n{logs}")
        return done.stdout

    def inspected(self, service: str) -> dict[str, Any]:
        """Returns what the engine says of a service's container."""
        # Compose alone would pass over one that has ended.
        label = f"label=com.docker.compose.service={service}"
        project = f"label=com.docker.compose.project={self.environment['COMPOSE_PROJECT_NAME']}"
        command = ["docker", "ps", "--all", "--quiet", "--filter", label, "--filter", project]
        [container] = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return self.engine("inspect", container)

    def engine(self, *arguments: str) -> dict[str, Any]:
        """Returns the one thing that a command of the engine describes."""
        done = subprocess.run(["docker", *arguments], check=True, capture_output=True)
        [found] = json.loads(done.stdout)
        return dict(found)

    def gistwire(self, *arguments: str, key: str | None = "search") -> subprocess.CompletedProcess[str]:
        """Runs `gistwire` on this machine against the published port, with one of the keys."""
        command = [str(Path(sys.executable).parent / "gistwire"), *arguments, "--target", self.target]
        command += ["--ca-file", str(self.folder / "secrets" / "ca.crt")]
        if key is not None:
            command += ["--api-key-file", str(self.folder / "secrets" / f"{key}.key")]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)

    def asked_from_inside(self, url: str) -> str:
        """Returns what an address answers that only containers reach; the server's asks it."""
        program = f"import urllib.request as r; print(r.urlopen({url!r}, timeout=10).read().decode())"
        return self.compose("exec", "-T", "server", "python3", "-c", program)

    def wait_until_healthy(self) -> None:
        """Waits until the server's health check passes.

        Raises:
            BackendUnavailableError: it does not in time.
        """

        def is_healthy() -> bool:
            return bool(self.inspected("server")["State"]["Health"]["Status"] == "healthy")

        self.wait_until(is_healthy, "the server is healthy")

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Waits until something holds.

        Args:
            holds: whether it does.
            what: names it in the error.

        Raises:
            BackendUnavailableError: it does not in time.
        """
        deadline = time.monotonic() + _UP_WITHIN_S
        while not holds():
            if time.monotonic() > deadline:
                logs = self.compose("logs", "server", check=False)[-3000:]
                raise BackendUnavailableError(f"not in time: {what}\n{logs}")
            time.sleep(_ASK_EACH_S)


def compose_command() -> Sequence[str]:
    """Returns how Compose is called here: as Docker's plugin, or the program of its own that Debian has.

    Raises:
        BackendUnavailableError: there is neither.
    """
    plugin = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True)
    if plugin.returncode == 0:
        return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    raise BackendUnavailableError("there is no Docker Compose here (Debian's package is docker-compose)")


@contextmanager
def compose_system() -> Iterator[ComposeSystem]:
    """Runs the system on images built here, as docs/deployment.md says; removes it with its data in the end.

    Raises:
        BackendUnavailableError: an image cannot be had, or the system does not come up.
    """
    prometheus = PROMETHEUS_IMAGE.available(required=True)
    if prometheus is None:
        raise BackendUnavailableError("there is no image of Prometheus")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gistwire-compose-") as scratch:
        deploy = Path(scratch) / "deploy"
        shutil.copytree(ROOT / "deploy", deploy, ignore=shutil.ignore_patterns("secrets", ".env"))
        environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"gistwire-test-{os.getpid()}",
            "GISTWIRE_PORT": str(port),
            # An image that is named is taken as it is.
            "GISTWIRE_SERVER_IMAGE": os.environ.get("GISTWIRE_SERVER_IMAGE")
            or server_image(local_models=False),
            "GISTWIRE_TRITON_IMAGE": os.environ.get("GISTWIRE_COMPOSE_TRITON_IMAGE") or triton_image(),
            "GISTWIRE_ELASTICSEARCH_IMAGE": elasticsearch_image(),
            "GISTWIRE_PROMETHEUS_IMAGE": prometheus,
            "GISTWIRE_ELASTICSEARCH_JAVA_OPTIONS": java_options(heap_mb=512),
        }
        system = ComposeSystem(deploy / "compose", f"127.0.0.1:{port}", environment)
        prepared = subprocess.run(
            ["./prepare.sh"], cwd=system.folder, env=environment, check=False, capture_output=True, text=True
        )
        if prepared.returncode != 0:
            raise BackendUnavailableError(f"prepare.sh: {prepared.stderr[-3000:]}")
        try:
            system.compose("up", "-d", *SERVICES)
            system.wait_until_healthy()
            yield system
        finally:
            system.compose("down", "--volumes", "--timeout", "20", check=False)
