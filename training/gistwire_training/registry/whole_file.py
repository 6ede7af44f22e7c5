"""Writes a file so that a kill at any moment leaves the old one or the new one, whole; used by this package."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Puts `content` in the place of the file at `path`; one writer at a time."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        # Else a power cut might keep the renaming and lose the content.
        os.fsync(file.fileno())
    partial.replace(path)
