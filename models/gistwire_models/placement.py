"""Where an engine of CTranslate2 computes, and in which numbers: `Placement`."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gistwire_models.errors import ModelFormatError

INSTRUCTIONS_VARIABLE = "CT2_FORCE_CPU_ISA"
"""Environment variable that names the instructions CTranslate2 computes by on a CPU."""

_CPU_INFO = Path("/proc/cpuinfo")
_AVX512 = frozenset({"avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq"})
"""Flags of a CPU that can compute what CTranslate2 is built to for AVX-512."""


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
        prefer_avx512()
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


def prefer_avx512() -> None:
    """Has CTranslate2 use AVX-512 on CPUs of any maker that have it: by itself it does on those of Intel alone.

    A summary takes a tenth less time so on an AMD EPYC; `python -m benchmarks triton` prints both. What the user has
    chosen by `INSTRUCTIONS_VARIABLE` stays.

    Without effect once the process has computed anything by CTranslate2.
    """
    if INSTRUCTIONS_VARIABLE in os.environ or not _CPU_INFO.is_file():
        return
    lines = _CPU_INFO.read_text().splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    if frozenset(flags.split()) >= _AVX512:
        os.environ[INSTRUCTIONS_VARIABLE] = "AVX512"
