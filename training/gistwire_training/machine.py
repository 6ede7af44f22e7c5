"""What a figure was measured on, so that no two machines are compared; recorded with every run and measurement."""

import os
import platform
from pathlib import Path


def processor_name() -> str:
    """Returns what the processor calls itself; "unknown" where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def describe_machine() -> str:
    """Returns processor and cores in a phrase, such as ``"AMD EPYC, 2 cores"``."""
    return f"{processor_name()}, {os.cpu_count() or 1} cores"
