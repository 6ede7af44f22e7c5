"""Writes the figures of a run for TensorBoard, and for Weights & Biases where that is installed; used by training."""

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter


class ScalarLog:
    """Figures by step.

    Nothing leaves the machine unasked: Weights & Biases records offline, into the run's folder, unless the variable
    ``WANDB_MODE`` of the environment says otherwise.

    Args:
        folder: the run's folder.
        purge_step: what TensorBoard's files say of this step and later ones is dropped; None for a new run.
    """

    def __init__(self, folder: Path, *, purge_step: int | None = None) -> None:
        self._tensorboard = SummaryWriter(str(folder), purge_step=purge_step)
        self._wandb = _begin_wandb(folder)

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Writes figures of a step.

        Args:
            values: by name, such as ``"loss/training"``.
            step: optimizer steps done.
        """
        for name, value in values.items():
            self._tensorboard.add_scalar(name, value, step)
        if self._wandb is not None:
            self._wandb.log(dict(values), step=step)

    def close(self) -> None:
        """Writes what is not written yet and closes the files."""
        self._tensorboard.close()
        if self._wandb is not None:
            self._wandb.finish()


def _begin_wandb(folder: Path) -> Any:
    """Returns a run of Weights & Biases; None where it is not installed."""
    try:
        wandb = import_module("wandb")
    except ImportError:
        return None
    if not hasattr(wandb, "init"):
        # A folder of that name, such as offline runs leave, is no installation.
        return None
    mode = os.environ.get("WANDB_MODE", "offline")
    return wandb.init(project="gistwire", name=folder.name, dir=str(folder), mode=mode)
