"""Container images of backends: found, pulled, or built on a root file system of Debian's packages.

``python -m tests.backends.images`` gets all that tests run.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.errors import DockerException

from tests.backends.errors import BackendUnavailableError

SUITE = "bookworm"
BASE = f"gistwire-test/debian:{SUITE}-python"
"""The image that others are built on; the stub of Triton's Python backend needs a libpython."""

_PACKAGES = "python3,libpython3.11"
_TIMEOUT_S = 900
_DEBIAN_SOURCE = re.compile(r"^(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)(https?://\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BackendImage:
    """The image of a backend.

    Attributes:
        variable: environment variable that names another image.
        official: name of the image that is pulled where it can be; None if none serves as it is.
        built: name of the one that is built here, with a hash of what goes in.
        write_context: writes what it is built of, with a ``Dockerfile``, into a folder.
    """

    variable: str
    official: str | None
    built: Callable[[], str]
    write_context: Callable[[Path], None]

    def available(self, *, required: bool) -> str | None:
        """Returns the name of an image that can be run; None if there is no Docker engine, or no image to be had.

        An image is had if it is there already, or can be pulled; if one is required, it may be built.

        Args:
            required: whether to fail rather than to return None.

        Raises:
            BackendUnavailableError: one is required, or named by the environment, and there is none.
        """
        try:
            _check_that_engine_listens()
            with closing(docker.from_env(timeout=_TIMEOUT_S)) as engine:
                engine.ping()
                return self._found_by(engine, required=required)
        except (DockerException, OSError) as error:
            if required:
                raise BackendUnavailableError(
                    f"no Docker engine does what is asked of it: {error}"
                ) from error
            return None

    def _found_by(self, engine: docker.DockerClient, *, required: bool) -> str | None:
        if named := os.environ.get(self.variable):
            if _is_there(engine, named) or _is_pulled(engine, named):
                return named
            raise BackendUnavailableError(
                f"{self.variable} names {named!r}, which is not here and cannot be pulled"
            )
        if self.official is not None and _is_there(engine, self.official):
            return self.official
        built = self.built()
        if _is_there(engine, built):
            return built
        if self.official is not None and _is_pulled(engine, self.official):
            return self.official
        if not required:
            return None
        self._build(engine, built)
        return built

    def _build(self, engine: docker.DockerClient, name: str) -> None:
        """Builds an image; takes root and debootstrap."""
        try:
            if not _is_there(engine, BASE):
                _import_root_file_system()
            with tempfile.TemporaryDirectory(prefix="gistwire-image-") as folder:
                self.write_context(Path(folder))
                subprocess.run(
                    ["docker", "build", "--quiet", "--tag", name, folder], check=True, timeout=_TIMEOUT_S
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise BackendUnavailableError(f"{name} cannot be built: {error}") from error


def _check_that_engine_listens() -> None:
    """Raises OSError where nobody listens at the engine's socket: Docker's client leaves its own open then."""
    host = os.environ.get("DOCKER_HOST") or DEFAULT_UNIX_SOCKET
    _, is_unix, path = host.partition("unix://")
    if is_unix:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)


def _is_there(engine: docker.DockerClient, name: str) -> bool:
    return bool(engine.images.list(name))


def _is_pulled(engine: docker.DockerClient, name: str) -> bool:
    try:
        engine.images.pull(name)
    except (DockerException, OSError):
        return False
    return True


def _import_root_file_system() -> None:
    with tempfile.TemporaryDirectory(prefix="gistwire-debian-") as folder:
        command = [
            "debootstrap",
            "--variant=minbase",
            f"--include={_PACKAGES}",
            SUITE,
            folder,
            _debian_mirror(),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=_TIMEOUT_S)
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as packing:
            subprocess.run(
                ["docker", "import", "-", BASE],
                check=True,
                stdin=packing.stdout,
                stdout=subprocess.DEVNULL,
                timeout=_TIMEOUT_S,
            )


def _debian_mirror() -> str:
    """Where this machine gets its own packages from."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in files:
        if path.is_file() and (match := _DEBIAN_SOURCE.search(path.read_text(errors="replace"))):
            return match.group(1)
    return "http://deb.debian.org/debian"


def main() -> None:
    """Gets every image that tests run."""
    from tests.backends.elasticsearch_image import ELASTICSEARCH_IMAGE
    from tests.backends.triton_image import TRITON_IMAGE

    for image in (ELASTICSEARCH_IMAGE, TRITON_IMAGE):
        sys.stdout.write(f"{image.available(required=True)}\n")


if __name__ == "__main__":
    main()
