"""What a figure was measured on, which is printed beside it, and what benchmarks ask of the machine."""

import logging
import os
import platform
import socket
import sys
from importlib.metadata import version
from pathlib import Path

import structlog

GISTWIRE = str(Path(sys.executable).with_name("gistwire"))
"""The command as it is installed beside this Python, which is what a user starts."""


def describe_machine() -> str:
    """One line: CPU, cores, Python and the versions of what does the work."""
    packages = ("grpcio", "ctranslate2", "numpy", "rank-bm25")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{_cpu()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def quiet_log() -> None:
    """Keeps the server's log of ordinary calls away from the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def resident_mb() -> float:
    """Memory of this process that is in RAM, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    """A port of this machine that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
