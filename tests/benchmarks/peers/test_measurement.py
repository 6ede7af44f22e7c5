"""Tests of measuring systems in turn."""

import asyncio
import itertools
from typing import Any

import pytest

from benchmarks.peers.known_items import KnownItem
from benchmarks.peers.measurement import measure_systems
from benchmarks.peers.peer_process import Answer
from benchmarks.peers.systems import SystemChoice

ITEMS = [KnownItem(f"query {number}", str(number)) for number in range(12)]


class CountingSystem:
    """Answers at once, and writes down who was asked what, and how many at a time."""

    def __init__(self, name: str, log: list[tuple[str, str]]) -> None:
        self.choice = SystemChoice(name, "")
        self.most_at_once = 0
        self._at_once = 0
        self._log = log
        self._cpu_s = itertools.count()

    async def search(self, query: str) -> Answer:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        self._log.append((self.choice.name, query))
        # Others get their turn.
        await asyncio.sleep(0)
        self._at_once -= 1
        return Answer(hits=["1"], order=["1"], final_s=0.5)

    def cpu_s(self) -> float:
        return float(next(self._cpu_s))

    def memory_mb(self) -> float:
        return 100.0


async def measure(names: str) -> tuple[dict[str, Any], list[tuple[str, str]], list[Any]]:
    log: list[tuple[str, str]] = []
    systems: list[Any] = [CountingSystem(name, log) for name in names]
    measured = await measure_systems(
        systems, alone=ITEMS[:7], busy=ITEMS[7:], concurrency=2, progress=lambda _: None
    )
    return measured, log, systems


async def test_each_system_is_asked_each_query_once() -> None:
    measured, log, _ = await measure("ab")
    assert sorted(log) == sorted((name, item.query) for name in "ab" for item in ITEMS)
    for each in measured.values():
        assert sorted(each.answers) == list(range(7))
        assert each.busy_searches == 5
        assert each.busy_final_s == [0.5] * 5


async def test_systems_take_turns_and_none_is_always_first() -> None:
    _, log, _ = await measure("abc")
    firsts = [next(name for name, query in log if query == item.query) for item in (ITEMS[0], ITEMS[5])]
    assert firsts[0] != firsts[1]
    turns = [name for name, _ in itertools.groupby(log, key=lambda each: each[0])]
    assert len(turns) >= 11


async def test_only_the_busy_searches_are_under_way_together() -> None:
    *_, systems = await measure("a")
    assert systems[0].most_at_once == 2


async def test_the_cpu_time_of_both_parts_is_kept_apart() -> None:
    measured, *_ = await measure("a")
    # Each block reads the clock before and after, and this one ticks at each reading.
    assert measured["a"].cpu_s == pytest.approx(2)
    assert measured["a"].busy_cpu_s == pytest.approx(3)
    assert measured["a"].memory_mb == 100
