"""Saves a run so that it goes on exactly after a kill: weights, optimizer, progress and random state."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gistwire_training.errors import CheckpointError
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.whole_folder import recover, written_whole

_Weights = dict[str, Tensor]


class Progress(msgspec.Struct):
    """How far a run is.

    Attributes:
        step: optimizer steps done.
        best_rouge: best validation ROUGE so far.
        best_step: the step it was reached at.
        evaluations_without_gain: evaluations since then.
    """

    step: int = 0
    best_rouge: float = -1.0
    best_step: int = 0
    evaluations_without_gain: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved run.

    Attributes:
        progress: how far it is.
        trained: the trained parameters.
        best: the best ones so far.
        recent: those of the last evaluations, oldest first.
        optimizer: the optimizer's state.
        tuning: what the way of tuning remembers; empty for most.
        random_state: torch's, ``uint8``.
    """

    progress: Progress
    trained: _Weights
    best: _Weights
    recent: list[_Weights]
    optimizer: dict[str, Any]
    tuning: _Weights
    random_state: Tensor


def write_checkpoint(
    folder: Path,
    *,
    recipe: SummarizerRecipe,
    progress: Progress,
    trained: _Weights,
    best: _Weights,
    recent: Sequence[_Weights],
    optimizer: dict[str, Any],
    tuning: _Weights,
) -> None:
    """Saves a run; a kill at any moment leaves the old checkpoint or the new one, whole."""
    with written_whole(folder) as partial:
        save_file(trained, partial / "trained.safetensors")
        save_file(best, partial / "best.safetensors")
        for index, weights in enumerate(recent):
            save_file(weights, partial / f"recent-{index}.safetensors")
        if tuning:
            save_file(tuning, partial / "tuning.safetensors")
        torch.save({"optimizer": optimizer, "random": torch.get_rng_state()}, partial / "optimizer.pt")
        (partial / "recipe.json").write_bytes(msgspec.json.encode(recipe))
        (partial / "progress.json").write_bytes(msgspec.json.encode(progress))


def read_checkpoint(folder: Path, *, recipe: SummarizerRecipe) -> Checkpoint:
    """Reads a saved run.

    Raises:
        CheckpointError: there is none, it cannot be read, or it is of another recipe.
    """
    recover(folder)
    try:
        saved_recipe = msgspec.json.decode((folder / "recipe.json").read_bytes(), type=SummarizerRecipe)
        progress = msgspec.json.decode((folder / "progress.json").read_bytes(), type=Progress)
        state = torch.load(folder / "optimizer.pt", weights_only=True)
        trained, best = load_file(folder / "trained.safetensors"), load_file(folder / "best.safetensors")
        # Missing where nothing but the weights is remembered.
        tuning = load_file(path) if (path := folder / "tuning.safetensors").exists() else {}
        recent = [load_file(path) for path in sorted(folder.glob("recent-*.safetensors"))]
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder} holds no checkpoint to resume: {error.filename} is missing"
        ) from error
    except (msgspec.DecodeError, SafetensorError, UnpicklingError, EOFError, RuntimeError) as error:
        raise CheckpointError(f"{folder} cannot be read: {error}") from error
    if saved_recipe != recipe:
        raise CheckpointError(f"{folder} is of another recipe; a run goes on with the recipe it began with")
    return Checkpoint(progress, trained, best, recent, state["optimizer"], tuning, state["random"])
