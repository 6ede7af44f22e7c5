"""The container image of Elasticsearch that tests run; ``python -m tests.backends.elasticsearch_image`` builds it.

Where no registry answers, a root file system is made of Debian's packages, and the server and a Java of this machine
are copied in. The image's name holds a hash of what it is made of, so it is built once.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import docker
from docker.errors import DockerException

from tests.backends.elasticsearch_distribution import (
    VERSION,
    BackendUnavailableError,
    find_java,
    installed_elasticsearch,
)

_OFFICIAL_IMAGE = f"docker.elastic.co/elasticsearch/elasticsearch:{VERSION}"
_VARIABLE = "GISTWIRE_ELASTICSEARCH_IMAGE"
_SUITE = "bookworm"
_DEBIAN_SOURCE = re.compile(r"^(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)(https?://\S+)", re.MULTILINE)

_DOCKERFILE = f"""\
FROM gistwire-test/debian:{_SUITE}
RUN useradd --create-home --uid 1000 elasticsearch
COPY --chown=1000:1000 server /usr/share/elasticsearch
COPY java /opt/java
ENV ES_JAVA_HOME=/opt/java
USER elasticsearch
WORKDIR /usr/share/elasticsearch
ENTRYPOINT ["bin/elasticsearch"]
"""


def available_image(*, required: bool) -> str | None:
    """Returns the name of an image that can be run; None if there is no Docker engine, or no image to be had.

    Args:
        required: whether to build an image, and to fail, rather than to return None.

    Raises:
        BackendUnavailableError: one is required, and there is none.
    """
    try:
        engine = docker.from_env(timeout=60)
        engine.ping()
    except DockerException as error:
        if required:
            raise BackendUnavailableError(f"no Docker engine answers: {error}") from error
        return None
    named = os.environ.get(_VARIABLE)
    for name in [named] if named else [_OFFICIAL_IMAGE, _built_name()]:
        if engine.images.list(name):
            return name
    return build_image() if required and not named else None


def build_image() -> str:
    """Builds the image unless it is there, and returns its name. Takes root, debootstrap and about two minutes.

    Raises:
        BackendUnavailableError: it cannot be built.
    """
    name = _built_name()
    if docker.from_env().images.list(name):
        return name
    try:
        _import_root_file_system()
        with tempfile.TemporaryDirectory(prefix="gistwire-image-") as folder:
            context = Path(folder)
            shutil.copytree(installed_elasticsearch(), context / "server")
            shutil.copytree(
                find_java(),
                context / "java",
                symlinks=False,
                ignore=shutil.ignore_patterns("src.zip", "jmods"),
            )
            (context / "Dockerfile").write_text(_DOCKERFILE)
            subprocess.run(["docker", "build", "--quiet", "--tag", name, folder], check=True, timeout=900)
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendUnavailableError(f"the image of Elasticsearch cannot be built: {error}") from error
    return name


def _built_name() -> str:
    parts = (_DOCKERFILE, VERSION, str(find_java()))
    return f"gistwire-test/elasticsearch:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def _import_root_file_system() -> None:
    base = f"gistwire-test/debian:{_SUITE}"
    if docker.from_env().images.list(base):
        return
    with tempfile.TemporaryDirectory(prefix="gistwire-debian-") as folder:
        command = ["debootstrap", "--variant=minbase", _SUITE, folder, _debian_mirror()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=900)
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as packing:
            subprocess.run(
                ["docker", "import", "-", base],
                check=True,
                stdin=packing.stdout,
                stdout=subprocess.DEVNULL,
                timeout=900,
            )


def _debian_mirror() -> str:
    """Where this machine gets its own packages from."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in files:
        if path.is_file() and (match := _DEBIAN_SOURCE.search(path.read_text(errors="replace"))):
            return match.group(1)
    return "http://deb.debian.org/debian"


if __name__ == "__main__":
    sys.stdout.write(f"{build_image()}\n")
