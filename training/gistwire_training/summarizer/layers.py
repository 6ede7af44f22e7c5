"""Finds the layers of a Hugging Face network whatever their names; used by `tuning` and `pretrained`."""

import inspect

from torch import nn
from transformers import Cache, DynamicCache, EncoderDecoderCache, PretrainedConfig, PreTrainedModel

from gistwire_training.errors import RecipeError


def layer_stacks(network: nn.Module) -> dict[str, nn.ModuleList]:
    """Returns the lists of layers by their names: the outermost module lists."""
    stacks: dict[str, nn.ModuleList] = {}
    for name, module in network.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in stacks)
        if isinstance(module, nn.ModuleList) and not inside:
            stacks[name] = module
    return stacks


def first_stack(model: PreTrainedModel) -> nn.ModuleList:
    """Returns the layers that read the source: the encoder's, or those of a causal model.

    Raises:
        RecipeError: the network has no layers that could be told apart.
    """
    reader = model.get_encoder() if model.config.is_encoder_decoder else model
    stacks = layer_stacks(reader)
    if not stacks:
        raise RecipeError(f"no layers were found in a {type(model).__name__}")
    return next(iter(stacks.values()))


def frozen_layers(model: PreTrainedModel, count: int) -> list[nn.Module]:
    """Returns the lowest layers that read the source.

    Raises:
        RecipeError: there are fewer than `count`.
    """
    stack = first_stack(model)
    if count > len(stack):
        raise RecipeError(f"frozen_encoder_layers must be at most {len(stack)}, not {count}")
    return list(stack[:count])


def tuned_layers(model: PreTrainedModel, frozen: int) -> dict[str, nn.Module]:
    """Returns all layers but the lowest `frozen` ones that read the source, by their names.

    Raises:
        RecipeError: there are fewer than `frozen`.
    """
    left_out = frozen_layers(model, frozen)
    return {
        f"{name}.{place}": layer
        for name, stack in layer_stacks(model).items()
        for place, layer in enumerate(stack)
        if not any(layer is other for other in left_out)
    }


def cache_argument(module: nn.Module) -> str:
    """Returns by which argument the module takes its cache, which newer versions of transformers rename."""
    return "cache" if "cache" in inspect.signature(module.forward).parameters else "past_key_values"


def empty_cache(config: PretrainedConfig) -> Cache:
    """Returns a cache for the keys and values of a model so configured, with nothing in it."""
    if config.is_encoder_decoder:
        return EncoderDecoderCache(DynamicCache(), DynamicCache())
    return DynamicCache(config=config)
