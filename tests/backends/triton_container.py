"""A Triton server in a container, which tests may kill, freeze and start again: `TritonContainer`."""

import os
from collections.abc import Sequence
from pathlib import Path

from gistwire_models.triton.launcher import PATH_VARIABLE, SERVER_OPTIONS, package_folders, wait_until_ready
from testcontainers.core.container import DockerContainer

from tests.backends.breakable_container import BreakableContainer
from tests.backends.errors import BackendUnavailableError
from tests.backends.ports import free_port
from tests.backends.triton_image import PACKAGES

_GRPC, _HTTP, _METRICS = 8001, 8000, 8002


class TritonContainer(BreakableContainer):
    """A server in a container, on free ports of the loopback interface; it can only read the repository.

    Args:
        image: name of the image.
        repository: the model repository.
        models: which of its models are loaded.
    """

    def __init__(self, image: str, repository: Path, models: Sequence[str]) -> None:
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
        super().__init__(container.with_env(PATH_VARIABLE, os.pathsep.join(path)), self._ports)

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
        self.run()
        if not wait_until_ready(self.url, has_ended=self.has_ended):
            raise BackendUnavailableError(f"Triton is not ready at {self.target}:\n{self.log()[-3000:]}")
