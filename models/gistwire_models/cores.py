"""Cores that this process may use: `available_cores`."""

import os


def available_cores() -> int:
    """Returns how many cores this process may use: those that it is bound to, where the system tells them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
