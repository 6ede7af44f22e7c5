"""The Triton server for machines without Docker, fetched once for each user: `installed_triton`, `find_triton`."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gistwire_models.errors import ModelUnavailableError
from gistwire_models.user_cache import cached_folder, find_cached

_HOME_VARIABLE = "GISTWIRE_TRITON_HOME"

_WHEEL = "nvidia-pytriton==0.7.0"
_WHEEL_SHA256 = "21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df"
_SERVER = Path("pytriton/tritonserver")

# What the models import. The server's stub is built against numpy 1: with numpy 2 it reads texts as garbage.
_NUMPY = "numpy==1.26.4"
_PACKAGES = ("ctranslate2", "msgspec", "PyYAML", "tokenizers", "typing_extensions")

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_TIMEOUT_S = 1_200


class TritonInstallationError(ModelUnavailableError):
    """There is no Triton server on this machine, and none can be fetched; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class TritonInstallation:
    """A server with its Python backend.

    Attributes:
        server: the program.
        backends: folder of its backends, for ``--backend-directory``.
        libraries: folder of the libraries that it loads.
        packages: folder of the Python packages that models import, numpy 1 among them.
    """

    server: Path
    backends: Path
    libraries: Path
    packages: Path


def installed_triton() -> TritonInstallation:
    """Returns the server in the folder that ``GISTWIRE_TRITON_HOME`` names, or in the user's cache.

    It is fetched into the cache if it is not there yet: 55 MB, and as much for Python packages; about half a minute.

    Raises:
        TritonInstallationError: it is not there and cannot be fetched.
    """
    return _installation(_named_home() or cached_folder(_cached_name(), _make))


def find_triton() -> TritonInstallation | None:
    """Returns what `installed_triton` does, if that is there already; fetches nothing.

    Raises:
        TritonInstallationError: ``GISTWIRE_TRITON_HOME`` names a folder without a server.
    """
    try:
        home = _named_home() or find_cached(_cached_name())
    except PackageNotFoundError:
        # Where the models' runtime is not installed, as in a server's image for Triton, none was ever fetched.
        return None
    return None if home is None else _installation(home)


def _named_home() -> Path | None:
    named = os.environ.get(_HOME_VARIABLE)
    if not named:
        return None
    home = Path(named)
    if not (home / "server" / _SERVER).is_dir():
        raise TritonInstallationError(f"{_HOME_VARIABLE} is {named!r}, where no Triton server is")
    return home


def _cached_name() -> str:
    return f"triton-{_WHEEL.rpartition('=')[2]}-{_PYTHON}-ctranslate2-{version('ctranslate2')}"


def _installation(home: Path) -> TritonInstallation:
    return TritonInstallation(
        server=home / "server" / _SERVER / "bin" / "tritonserver",
        backends=home / "backends",
        libraries=home / "server" / "nvidia_pytriton.libs",
        packages=home / "packages",
    )


def _make(home: Path) -> None:
    home.mkdir(mode=0o755)
    _install(home / "server", [f"{_WHEEL} --hash=sha256:{_WHEEL_SHA256}"], hashed=True)
    _install(home / "packages", [_NUMPY, *(f"{name}=={version(name)}" for name in _PACKAGES)])
    server = home / "server" / _SERVER
    shutil.copytree(server / "backends", home / "backends")
    stub = home / "backends" / "python" / "triton_python_backend_stub"
    shutil.copy2(server / "python_backend_stubs" / _PYTHON / stub.name, stub)
    for program in (server / "bin" / "tritonserver", stub):
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _install(target: Path, requirements: Sequence[str], *, hashed: bool = False) -> None:
    """Installs packages into a folder, without what they say they need: the models need nothing more."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(requirements))
        file.flush()
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        command += ["--only-binary", ":all:", "--target", str(target), "--requirement", file.name]
        # Root may be told that it should not be; here it installs into a folder of its own.
        command += ["--root-user-action", "ignore", *(["--require-hashes"] if hashed else [])]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            raise TritonInstallationError(f"Triton cannot be fetched: {said.strip()[-500:]}") from error
