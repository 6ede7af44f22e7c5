"""Lets one process at a time change a model's folder; used by versions.py and active.py."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; waits for whoever holds it, in this process or another.

    The lock is on the folder itself, so no file of it is left behind, and it ends with the process. It is not
    reentrant: to take it twice in one thread waits forever.

    Args:
        folder: must exist.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
