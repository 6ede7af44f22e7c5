"""What training needs of a model: a loss, texts, and which parameters move."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from gistwire_training.summarizer.examples import Example
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.tuning import FullTuning


class Trainee(Protocol):
    """A model that learns to summarize."""

    @property
    def module(self) -> nn.Module:
        """The network."""
        ...

    @property
    def tuning(self) -> FullTuning:
        """How the network learns; known once `parameter_groups` was called."""
        ...

    def parameter_groups(self, recipe: SummarizerRecipe) -> list[dict[str, Any]]:
        """Freezes what the recipe freezes, and returns the rest as AdamW's parameter groups, each with its rate."""
        ...

    def loss(self, batch: Sequence[Example], *, label_smoothing: float = 0.0) -> Tensor:
        """Returns the mean loss of a batch: ``float32 []``."""
        ...

    def write(self, batch: Sequence[Example]) -> list[str]:
        """Writes a text for each example without looking at its target."""
        ...

    def perturbed(self, epsilon: float) -> AbstractContextManager[None]:
        """Moves the embedded sources by `epsilon` along the last loss's gradient while the context lasts (FGM)."""
        ...

    def save(self, folder: Path) -> None:
        """Writes the model as a Hugging Face folder, with safetensors."""
        ...
