"""The Triton servers of tests: `new_triton` gives one in a container or as a plain process; kinds.py says which."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from gistwire_models.triton.launcher import TritonProcess

from tests.backends.kinds import wanted_kind
from tests.backends.triton_container import TritonContainer
from tests.backends.triton_image import TRITON_IMAGE

REPOSITORY = Path(__file__).parents[2] / "model_repo"
"""The models that are served."""


@contextmanager
def copied_repository(*models: str) -> Iterator[Path]:
    """A copy of some of the models for a test to change, where the user can read it that a server runs as."""
    with tempfile.TemporaryDirectory(prefix="gistwire-models-") as folder:
        Path(folder).chmod(0o755)
        for model in models:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(REPOSITORY / model, Path(folder) / model, ignore=ignored)
        yield Path(folder)


class TritonServer(Protocol):
    """A server that tests may kill, freeze and start again.

    Attributes:
        kind: ``"container"`` or ``"process"``.
    """

    kind: str

    @property
    def target(self) -> str:
        """Where its gRPC service answers, as ``HOST:PORT``, the same after each start."""
        ...

    @property
    def url(self) -> str:
        """Where its HTTP service answers."""
        ...

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        ...

    def start(self) -> None:
        """Starts it, and waits until its models can be asked."""
        ...

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        ...

    def freeze(self) -> None:
        """Stops it from doing anything; its connections stay open."""
        ...

    def thaw(self) -> None:
        """Lets it go on."""
        ...

    def log(self) -> str:
        """Returns what it has written to its log."""
        ...

    def close(self) -> None:
        """Ends it and removes what it wrote."""
        ...


def new_triton(
    repository: Path = REPOSITORY, models: Sequence[str] = ("encoder", "summarizer")
) -> TritonServer:
    """Makes a server that is yet to be started.

    Args:
        repository: its model repository.
        models: which of its models are loaded.

    Raises:
        BackendUnavailableError: no container can be had, but is wanted.
        TritonInstallationError: none can be had.
    """
    wanted = wanted_kind()
    image = None if wanted == "process" else TRITON_IMAGE.available(required=wanted == "container")
    if image is None:
        return TritonProcess(repository, models)
    return TritonContainer(image, repository, models)
