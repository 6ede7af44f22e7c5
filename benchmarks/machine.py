"""What a figure was measured on, which is printed beside it, and what benchmarks ask of the machine."""

import hashlib
import logging
import os
import platform
import socket
import sys
from importlib.metadata import version
from pathlib import Path

import structlog

_CPU_INFO = Path("/proc/cpuinfo")

GISTWIRE = str(Path(sys.executable).with_name("gistwire"))
"""The command as it is installed beside this Python, which is what a user starts."""


def describe_machine() -> str:
    """One line: CPU, cores, Python and the versions of what does the work."""
    packages = ("grpcio", "ctranslate2", "numpy", "rank-bm25")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{_cpu()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def cpu_identity() -> str:
    """Maker, family, model, stepping and what it can compute, as a hash: CPUs of one name differ in these."""
    names = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
    fields = _cpu_fields()
    told = "\n".join(fields.get(name, "") for name in names)
    return hashlib.blake2b(f"{told}\n{os.cpu_count()}".encode(), digest_size=8).hexdigest()


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
    return _cpu_fields().get("model name", platform.machine())


def _cpu_fields() -> dict[str, str]:
    """What the system tells of the last of its cores."""
    lines = (line.partition(":") for line in _CPU_INFO.read_text().splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
