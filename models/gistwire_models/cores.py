"""Cores that this process may use: `available_cores`, and `default_replicas` on them."""

import os

_MOST_REPLICAS = 8
"""More only help machines that should run a GPU."""


def available_cores() -> int:
    """Returns how many cores this process may use: those that it is bound to, where the system tells them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_replicas() -> int:
    """Returns how many batches are computed at once where nobody says: one for each core, at most 8."""
    return min(available_cores(), _MOST_REPLICAS)
