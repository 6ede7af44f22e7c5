"""Which parameters of a network learn, and how the result is saved; reached by a recipe's `tuning`.

| tuning    | what learns                                                | what is saved                           |
|-----------|------------------------------------------------------------|-----------------------------------------|
| full      | all above the frozen layers; the trainee decides           | plain weights                           |
| lora      | low-rank additions to the linear maps (`peft`)             | plain weights, merged: fit for export   |
| adalora   | the same, with ranks moved to where they matter (`peft`)   | plain weights, merged: fit for export   |
| prefix    | keys and values before the decoder's own (`peft`)          | the base, and beside it ``adapter/``    |
| adapter   | a bottleneck after each layer                              | the base, and beside it ``adapter/``    |

A prefix and a bottleneck compute what no weight of the base could, so they cannot be merged: a folder with
``adapter/`` is read by this package alone, and not fit for export.
"""

import copy
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from peft import AdaLoraConfig, AdaLoraModel, LoraConfig, LoraModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.parameter_groups import decayed_groups
from gistwire_training.summarizer.bottleneck import BottleneckAdapters
from gistwire_training.summarizer.layers import tuned_layers
from gistwire_training.summarizer.prefix import Prefix
from gistwire_training.summarizer.recipe import SummarizerRecipe

ADAPTER_FOLDER = "adapter"
"""Folder beside the base's weights, of what cannot be merged into them."""

_ADAPTER_NAME = "default"
_IMPORTANCE = ("ipt", "exp_avg_ipt", "exp_avg_unc")
"""What peft's allocator of ranks remembers of each parameter."""
_ADDED = "added"
"""Name under which a prefix or the bottlenecks are part of the network."""


class FullTuning:
    """The network's own parameters learn; the trainee says which. The other ways differ from this one.

    Args:
        model: the network.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model

    def parameter_groups(self, recipe: SummarizerRecipe) -> list[dict[str, Any]]:
        """Returns the parameters that learn as AdamW's groups, matrices with weight decay and others without."""
        learning = [each for each in self._model.parameters() if each.requires_grad]
        return decayed_groups(learning, recipe.learning_rate, recipe.weight_decay)

    def regularized(self, loss: Tensor) -> Tensor:
        """Returns the loss with what this way of tuning adds to it: ``float32 []``."""
        return loss

    def after_step(self, step: int) -> None:
        """Follows the optimizer's step numbered `step` (from 0), while its gradients still stand."""

    def state(self) -> dict[str, Tensor]:
        """Returns what a resumed run needs besides the parameters that learn."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Takes what `state` returned."""

    def save(self, folder: Path) -> None:
        """Writes weights as safetensors, and the configuration."""
        self._model.save_pretrained(folder)


class LowRankTuning(FullTuning):
    """LoRA (Hu et al. 2022): the product of two thin matrices is added to each linear map.

    Args:
        model: the network; changed in place.
        recipe: rank, dropout and frozen layers.
    """

    def __init__(self, model: PreTrainedModel, recipe: SummarizerRecipe) -> None:
        super().__init__(model)
        self._tuner = self._inject(recipe)

    def save(self, folder: Path) -> None:
        """Writes plain weights, the additions merged into a copy of the network."""
        merged = copy.deepcopy(self._tuner).merge_and_unload()
        merged.save_pretrained(folder)

    def _inject(self, recipe: SummarizerRecipe) -> Any:
        config = LoraConfig(r=recipe.tuning_rank, lora_alpha=2 * recipe.tuning_rank, **self._common(recipe))
        return LoraModel(self._model, config, _ADAPTER_NAME)

    def _common(self, recipe: SummarizerRecipe) -> dict[str, Any]:
        maps = _linear_maps(self._model, recipe.frozen_encoder_layers)
        transposed = any(isinstance(self._model.get_submodule(name), Conv1D) for name in maps)
        return {"lora_dropout": recipe.dropout, "target_modules": maps, "fan_in_fan_out": transposed}


class AdaptiveRankTuning(LowRankTuning):
    """AdaLoRA (Zhang et al. 2023): begins with half as many ranks again, and drops those that matter least.

    The ranks fall after the warm-up, until three quarters of the steps are done.
    """

    _ORTHOGONALITY = 0.5
    """Weight of the orthogonality of the singular vectors; peft's default."""

    def regularized(self, loss: Tensor) -> Tensor:
        """Adds how far the singular vectors are from orthogonal (eq. 4 of the paper, by the norm peft takes)."""
        distances: list[Tensor] = []
        for name, vectors in self._model.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                products = vectors @ vectors.T if "lora_A" in name else vectors.T @ vectors
                distances.append(torch.linalg.norm(products - torch.eye(len(products)).to(products)))
        return loss + self._ORTHOGONALITY * torch.stack(distances).mean()

    def after_step(self, step: int) -> None:
        """Updates how much each rank matters, and drops ranks."""
        self._tuner.update_and_allocate(step)

    def state(self) -> dict[str, Tensor]:
        """Returns how much each rank mattered, and the ranks that were kept at the end of the dropping."""
        allocator = self._tuner.rankallocator
        state = {
            f"{measure}/{name}": values
            for measure in _IMPORTANCE
            for name, values in getattr(allocator, measure).items()
        }
        kept = self._tuner.peft_config[_ADAPTER_NAME].rank_pattern or {}
        return state | {f"rank_pattern/{name}": torch.tensor(ranks) for name, ranks in kept.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Takes what `state` returned."""
        kept = {name: ranks.tolist() for name, ranks in _part(state, "rank_pattern").items()}
        self._tuner.peft_config[_ADAPTER_NAME].rank_pattern = kept
        for measure in _IMPORTANCE:
            values = {name: each.to(self._model.device) for name, each in _part(state, measure).items()}
            setattr(self._tuner.rankallocator, measure, values)

    def _inject(self, recipe: SummarizerRecipe) -> Any:
        start = max(recipe.tuning_rank + 1, recipe.tuning_rank * 3 // 2)
        config = AdaLoraConfig(
            init_r=start,
            target_r=recipe.tuning_rank,
            lora_alpha=2 * recipe.tuning_rank,
            tinit=min(recipe.warmup_steps, recipe.steps // 5),
            tfinal=recipe.steps // 4,
            total_step=recipe.steps,
            deltaT=max(1, recipe.steps // 100),
            orth_reg_weight=self._ORTHOGONALITY,
            **self._common(recipe),
        )
        tuner: Any = AdaLoraModel
        return tuner(self._model, config, _ADAPTER_NAME)


class _AddedDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What was added to a network: ``adapter/adapter.json``."""

    tuning: Literal["prefix", "adapter"]
    rank: int
    frozen: int


class AddedModuleTuning(FullTuning):
    """A prefix or bottlenecks beside the network's own modules, which stay as they are.

    Args:
        model: the network; gets hooks.
        description: what is added.
    """

    def __init__(self, model: PreTrainedModel, description: _AddedDescription) -> None:
        super().__init__(model)
        self.description = description
        model.requires_grad_(False)
        self._added: nn.Module = (
            Prefix(model, length=description.rank)
            if description.tuning == "prefix"
            else BottleneckAdapters(model, width=description.rank, frozen=description.frozen)
        )
        model.add_module(_ADDED, self._added)

    def save(self, folder: Path) -> None:
        """Writes the base as it was, and what was added beside it."""
        base = {
            name: values
            for name, values in self._model.state_dict().items()
            if not name.startswith(f"{_ADDED}.")
        }
        self._model.save_pretrained(folder, state_dict=base)
        beside = folder / ADAPTER_FOLDER
        beside.mkdir(exist_ok=True)
        save_file(self._added.state_dict(), beside / "adapter.safetensors")
        (beside / "adapter.json").write_bytes(msgspec.json.encode(self.description))

    def load(self, folder: Path) -> None:
        """Reads the weights of what was added."""
        self._added.load_state_dict(load_file(folder / ADAPTER_FOLDER / "adapter.safetensors"))


def begin_tuning(model: PreTrainedModel, recipe: SummarizerRecipe, current: FullTuning) -> FullTuning:
    """Freezes the network and adds the parameters that the recipe's `tuning` trains.

    Args:
        model: the network; changed in place.
        recipe: with a `tuning` other than "full".
        current: how the network is tuned so far; an added module of the same kind is trained on.

    Raises:
        RecipeError: the recipe does not fit the network, or the network is tuned in another way already.
    """
    if isinstance(current, AddedModuleTuning) and current.description == _described(recipe):
        return current
    if type(current) is not FullTuning:
        raise RecipeError(
            "the network is tuned already; begin again from its folder, or with the same settings"
        )
    match recipe.tuning:
        case "lora":
            return LowRankTuning(model, recipe)
        case "adalora":
            return AdaptiveRankTuning(model, recipe)
        case "prefix" | "adapter":
            return AddedModuleTuning(model, _described(recipe))
        case "full":
            raise RecipeError("full tuning adds no parameters")


def read_tuning(model: PreTrainedModel, folder: Path) -> FullTuning:
    """Puts back what `save` wrote beside the base, if it wrote anything.

    Raises:
        CheckpointError: it cannot be read, or does not fit the network.
    """
    path = folder / ADAPTER_FOLDER / "adapter.json"
    if not path.exists():
        return FullTuning(model)
    try:
        tuning = AddedModuleTuning(model, msgspec.json.decode(path.read_bytes(), type=_AddedDescription))
        tuning.load(folder)
    except (OSError, msgspec.DecodeError, SafetensorError, RuntimeError, RecipeError) as error:
        raise CheckpointError(f"{path.parent} cannot be read: {error}") from error
    return tuning


def _described(recipe: SummarizerRecipe) -> _AddedDescription:
    kind: Literal["prefix", "adapter"] = "prefix" if recipe.tuning == "prefix" else "adapter"
    return _AddedDescription(tuning=kind, rank=recipe.tuning_rank, frozen=recipe.frozen_encoder_layers)


def _part(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}/"
    return {key.removeprefix(prefix): each for key, each in state.items() if key.startswith(prefix)}


def _linear_maps(model: PreTrainedModel, frozen: int) -> list[str]:
    """Returns the names of the linear maps of all layers that are not frozen."""
    return [
        f"{layer_name}.{name}"
        for layer_name, layer in tuned_layers(model, frozen).items()
        for name, module in layer.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
    ]
