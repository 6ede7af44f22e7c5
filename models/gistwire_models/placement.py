"""Where an engine of CTranslate2 computes, and in which numbers: `Placement`."""

from dataclasses import dataclass
from typing import Any


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

    @property
    def options(self) -> dict[str, Any]:
        """As CTranslate2's constructors take it."""
        return {
            "device": self.device,
            "device_index": self.device_index if self.is_gpu else 0,
            "compute_type": self.compute_type,
        }


CPU = Placement()
"""In this process's own memory, in the numbers of the weights."""
