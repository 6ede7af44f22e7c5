"""Environments of the peers, made once in the user's cache from the requirements beside this file: `python_of`."""

import hashlib
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

from gistwire_models.user_cache import cached_folder

_REQUIREMENTS = Path(__file__).parent / "requirements"
_TORCH = "torch"
_SITE_PACKAGES = Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def python_of(peer: str, progress: Callable[[str], None]) -> Path:
    """Returns the Python of a peer's environment, which is made first if it is not there.

    A peer has its own packages, in exactly the versions that its file names. torch and transformers, 5 GB of them,
    are in an environment that all peers read: the same versions for all.

    Args:
        peer: name of a file in ``requirements/``, without its ending.
        progress: is told what takes long.

    Raises:
        subprocess.CalledProcessError: pip failed; it has told why on standard error.
    """
    torch_folder = _environment(_TORCH, progress, below=None)
    return _environment(peer, progress, below=torch_folder) / "bin" / "python"


def _environment(name: str, progress: Callable[[str], None], *, below: Path | None) -> Path:
    requirements = _REQUIREMENTS / f"{name}.txt"
    # What an environment is read with is part of it, and so is where it reads the rest.
    digest = hashlib.sha256(requirements.read_bytes() + f"{_SITE_PACKAGES}{below}".encode()).hexdigest()[:12]

    def make(folder: Path) -> None:
        progress(f"installing {requirements.name} (once)")
        venv.create(folder, with_pip=True)
        if below is not None:
            (folder / _SITE_PACKAGES / "torch.pth").write_text(f"{below / _SITE_PACKAGES}\n")
        # The file names all that is needed: nothing is left to be resolved.
        command: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
        ]
        command += ["-r", requirements]
        subprocess.run(command, check=True, stdout=sys.stderr)

    return cached_folder(f"peers-{name}-{digest}", make)
