"""Adversarial training on the embedded source (the fast gradient method); used by the trainees' `perturbed`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gistwire_training.errors import RecipeError

_SMALLEST_NORM = 1e-12


class SourcePerturbation:
    """Embeds the tokens that a network reads, remembers their gradient, and can add to them in the next pass.

    Miyato et al. 2017, "Adversarial Training Methods for Semi-Supervised Text Classification": each example's
    embedded source moves by ``ε g / ‖g‖₂``, where g is the gradient of the loss with respect to that whole source.
    It is the activation that moves, never a weight, so frozen and shared embeddings are no obstacle; the gradient
    then passes through frozen layers too, which costs time. Word embeddings are not normalised as they are there:
    the networks here were trained with theirs as they are.

    Args:
        reader: called with `input_ids` by keyword; takes `inputs_embeds` instead.
        embedding: turns `input_ids` into ``float [batch, length, dimension]``.
    """

    def __init__(self, reader: nn.Module, embedding: nn.Module) -> None:
        self._embedding = embedding
        self._embedded: Tensor | None = None
        self._step: Tensor | None = None
        reader.register_forward_pre_hook(self._embed, with_kwargs=True)

    @contextmanager
    def applied(self, epsilon: float) -> Iterator[None]:
        """Moves each embedded source by `epsilon` along its last gradient while the context lasts.

        Args:
            epsilon: length of the step, in the unit of the embeddings.

        Raises:
            RecipeError: no loss was propagated back to the source before.
        """
        gradient = None if self._embedded is None else self._embedded.grad
        if gradient is None:
            raise RecipeError("adversarial training needs a backward pass from which to take the gradient")
        norms = gradient.flatten(1).norm(dim=1).clamp(min=_SMALLEST_NORM)
        self._step = epsilon * gradient / norms[:, None, None]
        try:
            yield
        finally:
            self._step = self._embedded = None

    def _embed(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        tokens = kwargs.get("input_ids")
        if tokens is None or not (module.training and torch.is_grad_enabled()):
            return None
        embedded: Tensor = self._embedding(tokens)
        if self._step is not None:
            embedded = embedded + self._step
        else:
            if not embedded.requires_grad:
                embedded.requires_grad_(True)
            embedded.retain_grad()
            self._embedded = embedded
        return args, kwargs | {"input_ids": None, "inputs_embeds": embedded}
