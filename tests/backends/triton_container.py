"""A Triton server in a container, which tests may kill, freeze and start again: `TritonContainer`."""

import atexit
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gistwire_models.triton.launcher import PATH_VARIABLE, SERVER_OPTIONS, package_folders
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from tests.backends.errors import BackendUnavailableError
from tests.backends.ports import free_port
from tests.backends.triton_image import PACKAGES

_GRPC, _HTTP, _METRICS = 8001, 8000, 8002
_READY_WITHIN_S = 180.0
_ASK_EACH_S = 0.1

# Its own container, which removes the others, comes from a registry; here `close` removes them.
testcontainers_config.ryuk_disabled = True


class TritonContainer:
    """A server in a container, on free ports of the loopback interface; it can only read the repository.

    Args:
        image: name of the image.
        repository: the model repository.
        models: which of its models are loaded.
    """

    kind = "container"

    def __init__(self, image: str, repository: Path, models: Sequence[str]) -> None:
        os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
        self._ports = {port: free_port() for port in (_GRPC, _HTTP, _METRICS)}
        command = [
            "tritonserver",
            "--model-repository=/models",
            "--backend-directory=/opt/triton/backends",
            *(f"--load-model={model}" for model in models),
            *SERVER_OPTIONS,
        ]
        path = [PACKAGES]
        container = (
            DockerContainer(image)
            .with_command(command)
            .with_volume_mapping(str(repository.resolve()), "/models", "ro")
            # The stubs of Python models exchange tensors with the server there.
            .with_kwargs(shm_size="512m")
        )
        for number, folder in enumerate(package_folders()):
            path.append(f"/gistwire/{number}")
            container = container.with_volume_mapping(str(folder), path[-1], "ro")
        self._container = container.with_env(PATH_VARIABLE, os.pathsep.join(path))
        ports: dict[str, Any] = self._container.ports
        for inside, outside in self._ports.items():
            ports[f"{inside}/tcp"] = ("127.0.0.1", outside)
        self._started = False
        atexit.register(self.close)

    @property
    def target(self) -> str:
        """Where its gRPC service answers, as ``HOST:PORT``."""
        return f"127.0.0.1:{self._ports[_GRPC]}"

    @property
    def url(self) -> str:
        """Where its HTTP service answers."""
        return f"http://127.0.0.1:{self._ports[_HTTP]}"

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"http://127.0.0.1:{self._ports[_METRICS]}/metrics"

    def start(self) -> None:
        """Starts it, and waits until its models can be asked.

        Raises:
            BackendUnavailableError: it is not ready in time; the message has the end of its log.
        """
        if self._started:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._started = True
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline and not self._has_ended():
            try:
                with urllib.request.urlopen(f"{self.url}/v2/health/ready", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(_ASK_EACH_S)
        raise BackendUnavailableError(f"Triton is not ready at {self.target}:\n{self.log()[-3000:]}")

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        if self._started and not self._has_ended():
            self._container.get_wrapped_container().kill()

    def freeze(self) -> None:
        """Stops it from doing anything; its connections stay open."""
        self._container.get_wrapped_container().pause()

    def thaw(self) -> None:
        """Lets it go on."""
        self._container.get_wrapped_container().unpause()

    def log(self) -> str:
        """Returns what it has written to its log."""
        return b"".join(self._container.get_logs()).decode(errors="replace")

    def close(self) -> None:
        """Ends it and removes it."""
        if self._started:
            self._container.stop(force=True, delete_volume=True)
            self._started = False
        atexit.unregister(self.close)

    def _has_ended(self) -> bool:
        container = self._container.get_wrapped_container()
        container.reload()
        return str(container.status) in ("exited", "dead")
