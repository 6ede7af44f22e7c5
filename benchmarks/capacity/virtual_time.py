"""An event loop whose clock jumps to the next timer, for simulated minutes in moments: `run_in_virtual_time`.

What is written for a real loop runs on it unchanged, as long as it waits for timers and other tasks alone.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _TimerSelector(selectors.SelectSelector):
    """Waits for nothing: the time that it would have waited has passed at once."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("all tasks wait, and no timer is set: nothing can happen any more")
        if timeout > 0:
            self._advance(timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at 0 s. It has no files, sockets, threads or signals."""

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_TimerSelector(self._advance))

    def time(self) -> float:
        """Seconds since the loop was made, as they passed in it."""
        return self._now_s

    def _advance(self, seconds: float) -> None:
        self._now_s += seconds


def run_in_virtual_time(main: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine to its end, with as little real time as its computing takes.

    Raises:
        RuntimeError: all of its tasks wait for each other.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
