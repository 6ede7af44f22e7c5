"""How much may run at a time, by how long it takes: `AdaptiveLimit`."""

import random
from dataclasses import dataclass, field
from math import sqrt

from gistwire_server.budget import Clock

_WINDOW_S = 0.5
_WINDOW_SAMPLES = 10
_BASELINE_GAIN = 1 / 8
_STEEPEST_FALL = 0.5

_SHORTEST_S = 1e-6

_PROBE_AFTER_S = 60.0
_IDLE_SHARE = 1.5
"""Up to how many times the minimum counts as idle."""


@dataclass(slots=True)
class _Window:
    started: float
    stretches: list[float] = field(default_factory=list)
    unknown: int = 0
    most_in_use: float = 0.0


class AdaptiveLimit:
    """A gradient controller, as Envoy's adaptive concurrency filter and Netflix's concurrency-limits have it.

    After each window of half a second and ten calls: ``limit × gradient + √limit``, where the gradient is
    ``tolerance × baseline / latency``, between 0.5 and 1, and the square root leaves room for bursts. The baseline is
    what calls of a kind take on an idle server. It is measured whenever hardly anything runs; where that has not been
    for a minute, by letting hardly anything run until ten calls have ended.
    https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter

    While less runs than half the limit, it says nothing of the limit, which then stays as it is.

    Args:
        minimum: lowest limit, in units of cost.
        maximum: highest limit; it begins with half of it, as what a server can do is not known yet.
        tolerance: how many times the baseline latencies may be; at least 1.
        clock: seconds that only grow.
    """

    def __init__(self, *, minimum: float, maximum: float, tolerance: float, clock: Clock) -> None:
        self._minimum = min(minimum, maximum)
        self._maximum = maximum
        self._tolerance = tolerance
        self._clock = clock
        self._limit = max(self._minimum, maximum / 2)
        # Seconds for a unit of cost, by kind of call.
        self._baselines_s: dict[str, float] = {}
        self._window = _Window(clock())
        self._idle_samples = 0
        self._probe_at = self._next_probe()
        self._probing = False

    @property
    def value(self) -> float:
        """Units of cost that may run at a time."""
        return self._minimum if self._probing else self._limit

    @property
    def is_probing(self) -> bool:
        """Whether hardly anything runs, to learn what calls take on an idle server."""
        return self._probing

    def sample(self, kind: str, *, duration_s: float, cost: float, in_use: float) -> None:
        """Takes note of a call that ended.

        Args:
            kind: of calls that take about the same time for a unit of cost; there must be few kinds.
            duration_s: how long it took, in seconds.
            cost: what it cost.
            in_use: most that was seen to run beside it, its own cost included.
        """
        unit_s = max(duration_s, _SHORTEST_S) / cost
        if in_use <= _IDLE_SHARE * self._minimum or in_use <= cost:
            self._learn(kind, unit_s)
        baseline_s = self._baselines_s.get(kind)
        window = self._window
        window.most_in_use = max(window.most_in_use, in_use)
        if baseline_s is None:
            window.unknown += 1
        else:
            window.stretches.append(unit_s / baseline_s)
        enough = len(window.stretches) + window.unknown >= _WINDOW_SAMPLES
        if enough and self._clock() >= window.started + _WINDOW_S:
            self._end_window()

    def _learn(self, kind: str, unit_s: float) -> None:
        baseline_s = self._baselines_s.setdefault(kind, unit_s)
        self._baselines_s[kind] = baseline_s + _BASELINE_GAIN * (unit_s - baseline_s)
        self._idle_samples += 1
        if self._idle_samples >= _WINDOW_SAMPLES:
            self._idle_samples = 0
            self._probe_at = self._next_probe()
            if self._probing:
                self._probing = False
                # What ended meanwhile began when more ran.
                self._window = _Window(self._clock())

    def _end_window(self) -> None:
        window, self._window = self._window, _Window(self._clock())
        if self._probing or window.most_in_use < self._limit / 2:
            return
        if not window.stretches or self._clock() >= self._probe_at:
            self._probing = self._minimum < self._maximum
            return
        stretch = sum(window.stretches) / len(window.stretches)
        gradient = min(max(self._tolerance / stretch, _STEEPEST_FALL), 1.0)
        target = self._limit * gradient + sqrt(self._limit)
        self._limit = min(max(target, self._minimum), self._maximum)

    def _next_probe(self) -> float:
        # Replicas that began together do not probe together.
        return self._clock() + _PROBE_AFTER_S * random.uniform(1.0, 1.5)  # noqa: S311 (no secret)
