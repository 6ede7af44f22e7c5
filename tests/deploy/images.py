"""The images of `deploy/docker`, built here: `server_image` and `triton_image`; and `PROMETHEUS_IMAGE`.

Their bases are the official ones where they can be pulled. Elsewhere they are made of Debian's packages, and Triton's
is the one that other tests run. Packages come from a folder of wheels, so that no build needs a package index.

``python -m tests.deploy.images`` builds all of them and says how large they are.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.backends.elasticsearch_image import ELASTICSEARCH_IMAGE
from tests.backends.errors import BackendUnavailableError
from tests.backends.images import BASE, BackendImage
from tests.backends.triton_image import TRITON_IMAGE

ROOT = Path(__file__).parents[2]
DOCKERFILES = ROOT / "deploy" / "docker"

_TIMEOUT_S = 900
_MODEL_PACKAGES = ("ctranslate2", "msgspec", "PyYAML", "tokenizers", "typing_extensions")
# What Triton's Python models need, whose stub is built against numpy 1.
_MODEL_NUMPY = "numpy==1.26.4"
_BUILD_BACKEND = "hatchling"

# As the official slim image: Python, and nothing that only people or package managers read.
_PYTHON = f"""\
FROM {BASE} AS full
RUN rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc /usr/share/man /usr/share/locale
FROM scratch
COPY --from=full / /
CMD ["python3"]
"""

_PYTHON_BUILD = f"""\
FROM {BASE}
RUN apt-get update -qq \\
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-pip binutils
"""

# As the official image, except that its data folder is not declared a volume.
_PROMETHEUS = f"""\
FROM {BASE}
COPY prometheus promtool /bin/
RUN install -d -o nobody -g nogroup /prometheus
USER nobody
WORKDIR /prometheus
EXPOSE 9090
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
"""


# Where a new volume gets its owner from; the official image has it.
_ELASTICSEARCH = """\
FROM {base}
RUN mkdir -p data
"""


def _hash(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _only(dockerfile: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")

    return write


PYTHON_IMAGE = BackendImage(
    variable="GISTWIRE_PYTHON_IMAGE",
    official="python:3.11-slim-bookworm",
    built=lambda: f"gistwire-test/python:{_hash(_PYTHON.encode())}",
    write_context=_only(_PYTHON),
)
"""What the server's image stands on."""

PYTHON_BUILD_IMAGE = BackendImage(
    variable="GISTWIRE_PYTHON_BUILD_IMAGE",
    official="python:3.11-bookworm",
    built=lambda: f"gistwire-test/python-build:{_hash(_PYTHON_BUILD.encode())}",
    write_context=_only(_PYTHON_BUILD),
)
"""What has pip and strip, for the first stage."""


def _write_prometheus(folder: Path) -> None:
    for name in ("prometheus", "promtool"):
        program = shutil.which(name)
        if program is None:
            raise BackendUnavailableError("there is no `prometheus` here (Debian's package has that name)")
        shutil.copy2(program, folder / name)
    _only(_PROMETHEUS)(folder)


def _prometheus_name() -> str:
    program = shutil.which("prometheus")
    said = (
        b""
        if program is None
        else subprocess.run([program, "--version"], check=True, capture_output=True).stdout
    )
    return f"gistwire-test/prometheus:{_hash(_PROMETHEUS.encode(), said)}"


PROMETHEUS_IMAGE = BackendImage(
    variable="GISTWIRE_PROMETHEUS_IMAGE",
    official="prom/prometheus:v3.5.0",
    built=_prometheus_name,
    write_context=_write_prometheus,
)
"""The official image where it can be pulled, else one with Debian's Prometheus."""


def elasticsearch_image() -> str:
    """Returns the image of Elasticsearch: the official one, or the tests' own with a folder for its volume.

    Raises:
        BackendUnavailableError: there is none.
    """
    base = _required(ELASTICSEARCH_IMAGE)
    if base == ELASTICSEARCH_IMAGE.official:
        return base
    dockerfile = _ELASTICSEARCH.format(base=base)
    name = f"gistwire-test/elasticsearch-volume:{_hash(dockerfile.encode())}"
    if not _is_there(name):
        command = ["docker", "build", "--quiet", "--tag", name, "-"]
        subprocess.run(
            command, input=dockerfile.encode(), check=True, capture_output=True, timeout=_TIMEOUT_S
        )
    return name


def server_image(*, local_models: bool = True) -> str:
    """Builds the server's image unless it is there already, and returns its name.

    Args:
        local_models: whether models can run in the server's own process.

    Raises:
        BackendUnavailableError: it cannot be built.
    """
    return _built(
        "server" if local_models else "server-triton",
        DOCKERFILES / "server.Dockerfile",
        {
            "BASE": _required(PYTHON_IMAGE),
            "BUILD_BASE": _required(PYTHON_BUILD_IMAGE),
            "LOCAL_MODELS": "yes" if local_models else "no",
        },
        requirements=["--constraint", str(ROOT / "constraints.txt"), *_dependencies(), _BUILD_BACKEND],
    )


def triton_image() -> str:
    """Builds the image of Triton with our models, for the CPU, unless it is there already, and returns its name.

    Raises:
        BackendUnavailableError: it cannot be built.
    """
    return _built(
        "triton",
        DOCKERFILES / "triton.Dockerfile",
        {
            "BASE": _required(TRITON_IMAGE),
            "BUILD_BASE": _required(PYTHON_BUILD_IMAGE),
            "BACKENDS": "/opt/triton/backends",
            "GPU_PACKAGES": "",
        },
        requirements=["--no-deps", _MODEL_NUMPY, *(f"{name}=={version(name)}" for name in _MODEL_PACKAGES)],
    )


def _required(image: BackendImage) -> str:
    name = image.available(required=True)
    if name is None:
        raise BackendUnavailableError(f"there is no image for {image.variable}")
    return name


def _dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


def _built(
    repository: str, dockerfile: Path, arguments: Mapping[str, str], *, requirements: Sequence[str]
) -> str:
    """Builds an image as the repository's own Dockerfile says; its tag is a hash of all that goes in."""
    with tempfile.TemporaryDirectory(prefix="gistwire-image-") as scratch:
        context = Path(scratch)
        parts = [
            dockerfile.read_bytes(),
            repr(sorted(arguments.items())).encode(),
            repr(list(requirements)).encode(),
        ]
        parts += _copy_sources(context)
        name = f"gistwire-test/{repository}:{_hash(*parts)}"
        if _is_there(name):
            return name
        try:
            _gather_wheels(context / "wheels", requirements)
            options = {**arguments, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/source/wheels"}
            command = ["docker", "build", "--quiet", "--file", str(dockerfile), "--tag", name, scratch]
            command += [f"--build-arg={key}={value}" for key, value in options.items()]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stdout", "") + getattr(error, "stderr", "")
            raise BackendUnavailableError(f"{name} cannot be built: {error}\n{said[-3000:]}") from error
        return name


def _copy_sources(context: Path) -> list[bytes]:
    """Copies what `.dockerignore` lets through; returns the name and the content of each file."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".mypy_cache")
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    parts: list[bytes] = []
    for kept in sorted(line[1:] for line in lines if line.startswith("!")):
        source = ROOT / kept
        if source.is_dir():
            shutil.copytree(source, context / kept, ignore=ignored)
        elif source.is_file():
            (context / kept).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, context / kept)
    for path in sorted(context.rglob("*")):
        if path.is_file():
            parts += [str(path.relative_to(context)).encode(), path.read_bytes()]
    return parts


def _gather_wheels(folder: Path, requirements: Sequence[str]) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--wheel-dir", str(folder), *requirements]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)


def _is_there(name: str) -> bool:
    found = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Size}}", name], capture_output=True, check=False
    )
    return found.returncode == 0


def main() -> None:
    """Builds every image, and prints names and sizes."""
    bases = (PYTHON_IMAGE, TRITON_IMAGE)
    names = [*(_required(image) for image in bases), server_image(), server_image(local_models=False)]
    names += [triton_image()]
    for name in names:
        size = subprocess.run(
            ["docker", "image", "inspect", "--format", "{{.Size}}", name],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        sys.stdout.write(f"{int(size) / 1e6:6.0f} MB  {name}\n")


if __name__ == "__main__":
    main()
