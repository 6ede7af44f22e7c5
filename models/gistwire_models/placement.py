"""Where an engine of CTranslate2 computes, and in which numbers: `Placement`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gistwire_models.errors import ModelFormatError


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an engine computes.

    Attributes:
        device: ``"cpu"`` or ``"cuda"``.
        device_index: which GPU.
        compute_type: numbers it computes in, as CTranslate2 names them: ``"int8"``, ``"float16"``,
            ``"int8_float16"``…; ``"default"`` for those in which the weights are stored.
    """

    device: str = "cpu"
    device_index: int = 0
    compute_type: str = "default"

    @property
    def is_gpu(self) -> bool:
        """Whether it is not the CPU."""
        return self.device != "cpu"

    def open(self, kind: Callable[..., Any], folder: Path, *, replicas: int) -> Any:
        """Opens an engine. Blocks.

        Args:
            kind: ``ctranslate2.Encoder`` or ``ctranslate2.Translator``.
            folder: the converted model.
            replicas: number of batches computed at once, a core each on the CPU.

        Raises:
            ModelFormatError: it cannot be loaded.
        """
        try:
            return kind(
                str(folder),
                device=self.device,
                device_index=self.device_index,
                compute_type=self.compute_type,
                inter_threads=replicas,
                intra_threads=1,
            )
        except (RuntimeError, ValueError) as error:
            raise ModelFormatError(f"the model in {folder} cannot be loaded: {error}") from error


CPU = Placement()
"""In this process's own memory, in the numbers of the weights."""
