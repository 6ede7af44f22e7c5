"""Measures systems in turn: `measure_systems` asks all of them the same, a few searches at a time each."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.peers.known_items import KnownItem
from benchmarks.peers.peer_process import Answer, SystemProcess

_BLOCK = 5
"""Searches that a system answers before it is the next one's turn: few, so that what the machine does besides meets
all alike; several, so that a system's memory is in the processor's caches again, as it is where it runs alone."""


@dataclass(slots=True)
class Measured:
    """What was measured of one system.

    Attributes:
        answers: of the searches that were asked one at a time, by the place of their query.
        took_s: how long these took.
        cpu_s: what the system took of a core for them.
        busy_searches: searches that were asked several at a time.
        busy_s: how long these took.
        busy_cpu_s: what the system took of a core for them.
        busy_final_s: how long each of them took.
        memory_mb: memory at the end.
    """

    answers: dict[int, Answer] = field(default_factory=dict)
    took_s: float = 0.0
    cpu_s: float = 0.0
    busy_searches: int = 0
    busy_s: float = 0.0
    busy_cpu_s: float = 0.0
    busy_final_s: list[float] = field(default_factory=list)
    memory_mb: float = 0.0


async def measure_systems(
    systems: Sequence[SystemProcess],
    *,
    alone: Sequence[KnownItem],
    busy: Sequence[KnownItem],
    concurrency: int,
    progress: Callable[[str], None],
) -> dict[str, Measured]:
    """Asks each system each query once; returns what was measured, by the systems' names.

    Args:
        systems: ready, and warmed up.
        alone: queries that are asked one at a time.
        busy: queries that are asked several at a time.
        concurrency: so many.
        progress: is told how far it is.
    """
    measured = {system.choice.name: Measured() for system in systems}
    order = deque(systems)
    for start in range(0, len(alone), _BLOCK):
        progress(f"one at a time: {start} of {len(alone)} searches")
        for system in order:
            await _ask_alone(
                system, measured[system.choice.name], alone, range(start, min(start + _BLOCK, len(alone)))
            )
        # So that none is always after the same one.
        order.rotate(1)
    half = max(len(busy) // 2, concurrency)
    for start in range(0, len(busy), half):
        progress(f"{concurrency} at a time: {start} of {len(busy)} searches")
        for system in order:
            await _ask_busy(system, measured[system.choice.name], busy[start : start + half], concurrency)
        order.rotate(1)
    for system in systems:
        measured[system.choice.name].memory_mb = system.memory_mb()
    return measured


async def _ask_alone(
    system: SystemProcess, measured: Measured, items: Sequence[KnownItem], places: Sequence[int]
) -> None:
    cpu_s, started = system.cpu_s(), time.perf_counter()
    for place in places:
        measured.answers[place] = await system.search(items[place].query)
    measured.took_s += time.perf_counter() - started
    measured.cpu_s += system.cpu_s() - cpu_s


async def _ask_busy(
    system: SystemProcess, measured: Measured, items: Sequence[KnownItem], concurrency: int
) -> None:
    waiting = iter(items)

    async def ask() -> None:
        for item in waiting:
            measured.busy_final_s.append((await system.search(item.query)).final_s)

    cpu_s, started = system.cpu_s(), time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(concurrency):
            tasks.create_task(ask())
    measured.busy_s += time.perf_counter() - started
    measured.busy_cpu_s += system.cpu_s() - cpu_s
    measured.busy_searches += len(items)
