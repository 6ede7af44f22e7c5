"""Tests of `AdaptiveLimit` against a simulated server that does so much at a time, on a simulated clock."""

import heapq
from collections.abc import Callable
from itertools import pairwise

import pytest
from gistwire_server.overload.adaptive_limit import AdaptiveLimit

from tests.server.overload.clock import Clock

KIND = "StreamSearch/FULL/written"


class Simulation:
    """A server that shares its capacity evenly among the calls it has, and callers who always have another one.

    Attributes:
        clock: its time.
        limit: what it obeys.
        capacity: calls that it serves without any waiting for the others.
        service_s: what a call takes then, in seconds.
        offered: most calls that its callers make at a time.
        done: calls that ended.
    """

    def __init__(self, *, capacity: float, offered: int = 1_000, service_s: float = 0.2) -> None:
        self.clock = Clock()
        self.limit = AdaptiveLimit(minimum=4, maximum=64, tolerance=1.5, clock=self.clock)
        self.capacity = capacity
        self.service_s = service_s
        self.offered = offered
        self.done = 0
        self._ends: list[tuple[float, float, float]] = []

    def run(self, seconds: float, watch: Callable[[], None] = lambda: None) -> None:
        end = self.clock.now + seconds
        while True:
            while len(self._ends) + 1 <= min(self.limit.value + 1e-9, self.offered):
                in_use = float(len(self._ends) + 1)
                took_s = self.service_s * max(1.0, in_use / self.capacity)
                heapq.heappush(self._ends, (self.clock.now + took_s, took_s, in_use))
            if not self._ends or self._ends[0][0] > end:
                self.clock.now = end
                return
            self.clock.now, took_s, in_use = heapq.heappop(self._ends)
            self.limit.sample(KIND, duration_s=took_s, cost=1.0, in_use=in_use)
            self.done += 1
            watch()

    def highest(self) -> float:
        """The highest limit within some seconds: it swings, and is low while it probes."""
        seen = [self.limit.value]
        self.run(15, lambda: seen.append(self.limit.value))
        return max(seen)


@pytest.mark.parametrize("capacity", [6, 12, 24])
def test_it_finds_what_a_server_can_do(capacity: float) -> None:
    simulation = Simulation(capacity=capacity)
    simulation.run(120)
    assert capacity <= simulation.highest() <= 3 * capacity
    # And goes on doing nearly all of it, probes included.
    before = simulation.done
    simulation.run(300)
    assert (simulation.done - before) / 300 >= 0.9 * capacity / simulation.service_s


def test_it_grows_again_with_the_server() -> None:
    simulation = Simulation(capacity=6)
    simulation.run(120)
    small = simulation.limit.value
    simulation.capacity = 30
    simulation.run(30)
    assert simulation.limit.value >= 2 * small


def test_calls_that_take_longer_than_before_do_not_keep_it_down() -> None:
    simulation = Simulation(capacity=20)
    simulation.run(120)
    simulation.service_s *= 5
    simulation.run(300)
    assert simulation.highest() >= 20


def test_an_idle_server_learns_nothing_false() -> None:
    simulation = Simulation(capacity=12)
    simulation.run(120)
    found = simulation.highest()
    simulation.offered = 2
    # What was under way ends first.
    simulation.run(5)
    simulation.run(3_600)
    assert abs(simulation.highest() - found) <= 6
    simulation.offered = 1_000
    simulation.run(30)
    assert 12 <= simulation.highest() <= 36


def test_it_stays_within_its_bounds() -> None:
    seen: list[float] = []
    simulation = Simulation(capacity=0.5)
    simulation.run(120, lambda: seen.append(simulation.limit.value))
    simulation.capacity = 1_000
    simulation.run(120, lambda: seen.append(simulation.limit.value))
    assert min(seen) == 4
    assert max(seen) == 64


def test_a_server_that_is_always_full_is_looked_at_idle_now_and_then() -> None:
    probes: list[bool] = []
    simulation = Simulation(capacity=12)
    simulation.run(600, lambda: probes.append(simulation.limit.is_probing))
    begun = sum(after and not before for before, after in pairwise(probes))
    assert 600 / 100 - 2 <= begun <= 600 / 55
    assert sum(probes) <= 0.1 * len(probes)


def test_one_kind_of_call_is_not_measured_by_another() -> None:
    clock = Clock()
    limit = AdaptiveLimit(minimum=4, maximum=16, tolerance=1.5, clock=clock)
    for _ in range(20):
        clock.now += 0.1
        limit.sample("short", duration_s=0.01, cost=1.0, in_use=1.0)
        limit.sample("long", duration_s=5.0, cost=1.0, in_use=2.0)
    for _ in range(200):
        clock.now += 0.1
        limit.sample("short", duration_s=0.01, cost=1.0, in_use=16.0)
        limit.sample("long", duration_s=5.0, cost=1.0, in_use=16.0)
    assert limit.value == 16


def test_a_minimum_above_the_maximum_is_the_maximum() -> None:
    limit = AdaptiveLimit(minimum=4, maximum=2, tolerance=1.5, clock=Clock())
    for _ in range(100):
        limit.sample(KIND, duration_s=9.0, cost=1.0, in_use=2.0)
    assert limit.value == 2
