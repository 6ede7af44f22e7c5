"""Saves a fine-tuning run so that it goes on exactly after a kill; used by `training`.

What a step does follows from the recipe, its number, the weights and the optimizer's moments alone: the rates and the
order of the data are functions of the number, and dropout is seeded by it. So nothing else is saved.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gistwire_training.encoder.network import Weights
from gistwire_training.encoder.recipe import EncoderRecipe
from gistwire_training.errors import CheckpointError
from gistwire_training.whole_folder import recover, written_whole

_WEIGHTS_FILE = "trained.safetensors"
_OPTIMIZER_FILE = "optimizer.pt"
_STATE_FILE = "state.json"


class RunState(msgspec.Struct, kw_only=True):
    """How far a run is.

    Attributes:
        step: optimizer steps done.
        best_ndcg: the highest nDCG@10 so far, of the weights in ``best/``; -1 before the first evaluation.
        best_step: the step it was reached at.
        evaluations_without_gain: evaluations since then.
    """

    step: int = 0
    best_ndcg: float = -1.0
    best_step: int = 0
    evaluations_without_gain: int = 0


class _SavedState(msgspec.Struct, frozen=True):
    recipe: EncoderRecipe
    inputs: str
    state: RunState


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved run.

    Attributes:
        state: how far it is.
        trained: the parameters that learn, by name.
        optimizer: the optimizer's state.
    """

    state: RunState
    trained: Weights
    optimizer: dict[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint, *, recipe: EncoderRecipe, inputs: str) -> None:
    """Saves a run in place of what was saved before.

    Args:
        folder: the checkpoint's own folder.
        checkpoint: the run.
        recipe: its settings.
        inputs: hash of the pairs and the base it learns from.
    """
    with written_whole(folder) as partial:
        save_file(checkpoint.trained, partial / _WEIGHTS_FILE)
        torch.save(checkpoint.optimizer, partial / _OPTIMIZER_FILE)
        saved = msgspec.json.encode(_SavedState(recipe, inputs, checkpoint.state))
        (partial / _STATE_FILE).write_bytes(msgspec.json.format(saved))


def read_checkpoint(folder: Path, *, recipe: EncoderRecipe, inputs: str) -> Checkpoint:
    """Reads a saved run.

    Raises:
        CheckpointError: there is none, it cannot be read, or it is of another recipe, of other pairs or another base.
    """
    recover(folder)
    try:
        saved = msgspec.json.decode((folder / _STATE_FILE).read_bytes(), type=_SavedState)
        trained = load_file(folder / _WEIGHTS_FILE)
        optimizer = torch.load(folder / _OPTIMIZER_FILE, weights_only=True, map_location="cpu")
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} holds no checkpoint to resume") from error
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        SafetensorError,
        RuntimeError,
        OSError,
        ValueError,
    ) as error:
        raise CheckpointError(f"{folder} cannot be read: {error}") from error
    if saved.recipe != recipe:
        raise CheckpointError(f"{folder} is of another recipe; a run goes on with the recipe it began with")
    if saved.inputs != inputs:
        raise CheckpointError(f"{folder} is of other pairs or another base than those given")
    return Checkpoint(saved.state, trained, optimizer)
