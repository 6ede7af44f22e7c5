"""What is fetched once for each user of a machine: `cached_folder`, `find_cached`."""

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def cached_folder(name: str, make: Callable[[Path], None]) -> Path:
    """Returns the folder of that name in the cache.

    Args:
        name: name of the folder, with the version of what it holds.
        make: makes the folder that it is given. Called if there is none yet, by one process at a time; what an
            interrupted call has left is never taken for the whole.
    """
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / name
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                made = Path(scratch) / name
                make(made)
                made.rename(folder)
    return folder


def find_cached(name: str) -> Path | None:
    """Returns the folder of that name if it is in the cache; makes nothing."""
    folder = _cache() / name
    return folder if folder.is_dir() else None


def _cache() -> Path:
    """The user's cache; that of root is where the user can read it that a server then runs as."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path("/var/cache/gistwire") if os.geteuid() == 0 else Path(base) / "gistwire"
