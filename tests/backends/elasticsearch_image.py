"""The container image of Elasticsearch that tests run; ``python -m tests.backends.elasticsearch_image`` gets it.

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
from contextlib import closing
from pathlib import Path

import docker
from docker.errors import DockerException

from tests.backends.elasticsearch_distribution import VERSION, copy_configuration, installed_elasticsearch
from tests.backends.errors import BackendUnavailableError
from tests.backends.java import find_java

_OFFICIAL_IMAGE = f"docker.elastic.co/elasticsearch/elasticsearch:{VERSION}"
_VARIABLE = "GISTWIRE_ELASTICSEARCH_IMAGE"
_SUITE = "bookworm"
_BASE = f"gistwire-test/debian:{_SUITE}"
_TIMEOUT_S = 900
_DEBIAN_SOURCE = re.compile(r"^(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)(https?://\S+)", re.MULTILINE)

# As the official image: without an entry point of its own, `bin/elasticsearch` is a command of both.
_DOCKERFILE = f"""\
FROM {_BASE}
RUN useradd --create-home --uid 1000 elasticsearch
COPY --chown=1000:1000 server /usr/share/elasticsearch
COPY java /opt/java
ENV ES_JAVA_HOME=/opt/java
USER elasticsearch
WORKDIR /usr/share/elasticsearch
CMD ["bin/elasticsearch"]
"""


def available_image(*, required: bool) -> str | None:
    """Returns the name of an image that can be run; None if there is no Docker engine, or no image to be had.

    An image is had if it is there already, or can be pulled; if one is required, it may be built.

    Args:
        required: whether to fail rather than to return None.

    Raises:
        BackendUnavailableError: one is required, or named by the environment, and there is none.
    """
    try:
        with closing(docker.from_env(timeout=_TIMEOUT_S)) as engine:
            engine.ping()
            return _image_of(engine, required=required)
    except (DockerException, OSError) as error:
        if required:
            raise BackendUnavailableError(f"no Docker engine does what is asked of it: {error}") from error
        return None


def _image_of(engine: docker.DockerClient, *, required: bool) -> str | None:
    if named := os.environ.get(_VARIABLE):
        if _is_there(engine, named) or _is_pulled(engine, named):
            return named
        raise BackendUnavailableError(f"{_VARIABLE} names {named!r}, which is not here and cannot be pulled")
    if _is_there(engine, _OFFICIAL_IMAGE):
        return _OFFICIAL_IMAGE
    built = _built_name()
    if _is_there(engine, built):
        return built
    if _is_pulled(engine, _OFFICIAL_IMAGE):
        return _OFFICIAL_IMAGE
    if not required:
        return None
    _build(engine, built)
    return built


def _is_there(engine: docker.DockerClient, name: str) -> bool:
    return bool(engine.images.list(name))


def _is_pulled(engine: docker.DockerClient, name: str) -> bool:
    try:
        engine.images.pull(name)
    except (DockerException, OSError):
        return False
    return True


def _build(engine: docker.DockerClient, name: str) -> None:
    """Builds an image; takes root and debootstrap."""
    try:
        if not _is_there(engine, _BASE):
            _import_root_file_system()
        with tempfile.TemporaryDirectory(prefix="gistwire-image-") as folder:
            _write_context(Path(folder))
            subprocess.run(
                ["docker", "build", "--quiet", "--tag", name, folder], check=True, timeout=_TIMEOUT_S
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendUnavailableError(f"the image of Elasticsearch cannot be built: {error}") from error


def _write_context(folder: Path) -> None:
    server = folder / "server"
    shutil.copytree(installed_elasticsearch(), server)
    shutil.rmtree(server / "config")
    copy_configuration(server / "config", java=find_java())
    # What only compiles or links programs is half of a Java.
    unused = shutil.ignore_patterns("src.zip", "jmods", "demo", "man")
    shutil.copytree(find_java(), folder / "java", ignore=unused)
    (folder / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")


def _built_name() -> str:
    """The name of the image that would be built here, with a hash of what goes in."""
    java = (find_java() / "release").read_text(encoding="utf-8")
    parts = "\0".join((_DOCKERFILE, VERSION, java))
    return f"gistwire-test/elasticsearch:{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


def _import_root_file_system() -> None:
    with tempfile.TemporaryDirectory(prefix="gistwire-debian-") as folder:
        command = ["debootstrap", "--variant=minbase", _SUITE, folder, _debian_mirror()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=_TIMEOUT_S)
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as packing:
            subprocess.run(
                ["docker", "import", "-", _BASE],
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


if __name__ == "__main__":
    sys.stdout.write(f"{available_image(required=True)}\n")
