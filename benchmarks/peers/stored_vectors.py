"""Vectors of the articles, kept for a later run; for peers whose index can be made again of them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.adapter import Settings


def stored_vectors(settings: Settings, engine: str, embed: Callable[[], Any]) -> Any:
    """Returns the articles' vectors: ``float32 [articles, dimension]``.

    Args:
        settings: beside the system's folder they are kept, for all systems with this engine.
        engine: what they are computed with.
        embed: computes them; called if none are kept.
    """
    path = Path(settings.folder).with_name(f"vectors-{engine}.npy")
    if not path.exists():
        partial = path.with_name("partial.npy")
        np.save(partial, np.asarray(embed(), dtype=np.float32))
        os.replace(partial, path)
    return np.load(path)
