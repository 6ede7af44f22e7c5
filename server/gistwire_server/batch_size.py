"""`BatchSizeController`: how many operations of an ingest stream are embedded and written together."""

import time
from collections.abc import Callable

_FIRST_SIZE = 32

# Shorter periods would compare chance: acknowledgements that wait for a refresh come in bursts, a second apart.
_PERIOD_BATCHES = 8
_PERIOD_S = 3.0

_GROWN = 1.05
_FALLEN = 0.8


class BatchSizeController:
    """Doubles the size while that raises the throughput, and halves it when throughput falls or writes are slow.

    Throughput is that of the whole pipeline, in operations a second, which is that of its slowest stage. It is
    compared from period to period, of at least 8 batches and 3 s. A batch that is not full says that the sender is
    what is slow, and nothing of the size: the period begins anew.

    Args:
        minimum: smallest size.
        maximum: largest size; it goes before `minimum`.
        slow_write_s: time from which a write is slow, in seconds.
        clock: monotonic time, in seconds.
    """

    def __init__(
        self, *, minimum: int, maximum: int, slow_write_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._minimum = min(minimum, maximum)
        self._maximum = maximum
        self._slow_write_s = slow_write_s
        self._clock = clock
        self._size = self._bounded(_FIRST_SIZE)
        self._throughput: float | None = None
        self._period_begin_s: float | None = None
        self._batches = 0
        self._operations = 0

    @property
    def size(self) -> int:
        """The size of the next batch."""
        return self._size

    def record(self, operations: int, *, write_s: float) -> None:
        """Takes account of a batch that was carried out.

        Args:
            operations: its size.
            write_s: how long its write took, in seconds.
        """
        # Larger batches were begun before the size was last reduced, and are not held against it again.
        if write_s > self._slow_write_s and operations <= self._size:
            self._size = self._bounded(self._size // 2)
            self._throughput = None
            self._begin_period()
        elif operations < self._size or self._period_begin_s is None:
            self._begin_period()
        else:
            self._batches += 1
            self._operations += operations
            self._compare(self._clock() - self._period_begin_s)

    def _compare(self, elapsed_s: float) -> None:
        """Draws the conclusion, if the period is long enough."""
        if self._batches < _PERIOD_BATCHES or elapsed_s < _PERIOD_S:
            return
        throughput = self._operations / elapsed_s
        if self._throughput is None or throughput >= _GROWN * self._throughput:
            self._size = self._bounded(self._size * 2)
        elif throughput < _FALLEN * self._throughput:
            self._size = self._bounded(self._size // 2)
        self._throughput = throughput
        self._begin_period()

    def _begin_period(self) -> None:
        self._period_begin_s = self._clock()
        self._batches = 0
        self._operations = 0

    def _bounded(self, size: int) -> int:
        return max(self._minimum, min(size, self._maximum))
