"""Keeps the garbage collector out of starts: `collector_paused`."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Has nothing collected while the block runs, which imports or opens what stays.

    The collector looks through all that is there whenever that has grown, an eighth of the time of a start.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
