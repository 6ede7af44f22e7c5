"""Writes a folder so that a kill at any moment leaves the old one or the new one, whole; used by resumable runs."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to write into, which takes the place of `folder` unless an error is raised."""
    partial, old = _beside(folder, "partial"), _beside(folder, "old")
    recover(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(partial, folder)
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path) -> None:
    """Puts the old folder back where a kill came between taking it away and putting the new one there."""
    old = _beside(folder, "old")
    if not folder.exists() and old.exists():
        os.rename(old, folder)


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f"{folder.name}.{suffix}")
