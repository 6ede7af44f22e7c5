"""The container image of Triton that tests run: `TRITON_IMAGE`, built of the server that is installed here.

The official image lacks the Python packages that our models import, so it does not serve as it is; an image made from
it can be named.
"""

import hashlib
import shutil
from pathlib import Path

from gistwire_models.triton.distribution import installed_triton

from tests.backends.images import BASE, BackendImage

PACKAGES = "/opt/triton/packages"
"""Where the image has the Python packages."""

_DOCKERFILE = f"""\
FROM {BASE}
RUN useradd --create-home --uid 1000 triton
COPY server /opt/triton/server
COPY backends /opt/triton/backends
COPY packages {PACKAGES}
ENV LD_LIBRARY_PATH=/opt/triton/server/nvidia_pytriton.libs
ENV PATH=/opt/triton/server/pytriton/tritonserver/bin:$PATH
USER triton
CMD ["tritonserver"]
"""


def _write_context(folder: Path) -> None:
    installation = installed_triton()
    server = installation.libraries.parent
    shutil.copytree(server, folder / "server", ignore=shutil.ignore_patterns("python_backend_stubs"))
    shutil.copytree(installation.backends, folder / "backends")
    shutil.copytree(installation.packages, folder / "packages")
    (folder / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")


def _built_name() -> str:
    """The name of the image that would be built here, with a hash of what goes in."""
    home = installed_triton().packages.parent
    parts = "\0".join((_DOCKERFILE, home.name))
    return f"gistwire-test/triton:{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


TRITON_IMAGE = BackendImage(
    variable="GISTWIRE_TRITON_IMAGE", official=None, built=_built_name, write_context=_write_context
)
"""Built where it is wanted."""
