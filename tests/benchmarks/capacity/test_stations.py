"""Tests of simulated stations against queueing theory (Kleinrock, Queueing Systems, vol. 1 and 2, 1975)."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.capacity.stations import BatchStation, Cores, Station
from benchmarks.capacity.virtual_time import run_in_virtual_time
from benchmarks.load.searches import arrivals

_CUSTOMERS = 20_000
_USE = 0.6

Serve = Callable[[float], Awaitable[None]]


def _mean_stay(make_station: Callable[[], Serve], *, rate_per_s: float, draw: Callable[[], float]) -> float:
    """Mean time from arrival to end of customers who arrive at random."""

    async def main() -> float:
        serve = make_station()
        clock = asyncio.get_running_loop().time
        stays: list[float] = []

        async def visit(work_s: float) -> None:
            began = clock()
            await serve(work_s)
            stays.append(clock() - began)

        async with asyncio.TaskGroup() as visits:
            for at_s in arrivals(rate_per_s, _CUSTOMERS / rate_per_s, seed=1):
                await asyncio.sleep(at_s - clock())
                visits.create_task(visit(draw()))
        return sum(stays) / len(stays)

    return run_in_virtual_time(main())


def _exponential() -> Callable[[], float]:
    chance = random.Random(5)
    return lambda: chance.expovariate(1.0)


def test_one_thread_with_random_work_is_m_m_1() -> None:
    stay = _mean_stay(lambda: Station(1, Cores(1)).serve, rate_per_s=_USE, draw=_exponential())
    assert stay == pytest.approx(1 / (1 - _USE), rel=0.06)


def test_one_thread_with_even_work_is_m_d_1() -> None:
    stay = _mean_stay(lambda: Station(1, Cores(1)).serve, rate_per_s=_USE, draw=lambda: 1.0)
    assert stay == pytest.approx(1 + _USE / (2 * (1 - _USE)), rel=0.03)


def test_two_threads_on_two_cores_are_m_m_2() -> None:
    stay = _mean_stay(lambda: Station(2, Cores(2)).serve, rate_per_s=2 * _USE, draw=_exponential())
    # Erlang's C formula for two servers: 1 / (1 - use²).
    assert stay == pytest.approx(1 / (1 - _USE**2), rel=0.04)


@pytest.mark.parametrize("work", ["even", "random"])
def test_a_shared_core_is_indifferent_to_how_work_is_spread(work: str) -> None:
    draw = _exponential() if work == "random" else lambda: 1.0
    stay = _mean_stay(lambda: Cores(1).use, rate_per_s=_USE, draw=draw)
    # Processor sharing: M/G/1-PS.
    assert stay == pytest.approx(1 / (1 - _USE), rel=0.06)


def test_cores_share_themselves_evenly() -> None:
    async def main() -> tuple[float, float, float, float]:
        cores = Cores(2)
        clock = asyncio.get_running_loop().time

        async def ended(work_s: float) -> float:
            await cores.use(work_s)
            return clock()

        first, second, third = await asyncio.gather(ended(1.0), ended(2.0), ended(2.0))
        return first, second, third, cores.busy_s

    first, second, third, busy_s = run_in_virtual_time(main())
    # Three on two cores until the first has its second, then two on two.
    assert first == pytest.approx(1.5)
    assert second == third == pytest.approx(2.5)
    assert busy_s == pytest.approx(5.0)


def test_threads_beyond_the_cores_gain_nothing() -> None:
    async def main() -> float:
        station = Station(4, Cores(2))
        await asyncio.gather(*(station.serve(1.0) for _ in range(8)))
        assert station.waiting == 0
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(main()) == pytest.approx(4.0)


def test_batches_take_what_waits_and_halves_go_to_idle_threads() -> None:
    sizes: list[int] = []

    def work_s(works_s: list[float]) -> float:
        sizes.append(len(works_s))
        return max(works_s)

    async def main() -> float:
        station = BatchStation(2, 3, Cores(2), work_s)
        await asyncio.gather(*(station.serve(1.0) for _ in range(9)))
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(main()) == pytest.approx(2.0)
    assert sizes == [3, 3, 3]
    sizes.clear()

    async def two() -> None:
        station = BatchStation(2, 8, Cores(2), work_s)
        await asyncio.gather(station.serve(1.0), station.serve(1.0))

    run_in_virtual_time(two())
    assert sizes == [1, 1]


def test_what_comes_while_a_thread_works_shares_with_it() -> None:
    sizes: list[int] = []

    def work_s(works_s: list[float]) -> float:
        sizes.append(len(works_s))
        return 1.0

    async def main() -> None:
        station = BatchStation(2, 8, Cores(2), work_s)
        first = asyncio.create_task(station.serve(1.0))
        await asyncio.sleep(0.5)
        await asyncio.gather(first, *(station.serve(1.0) for _ in range(3)))

    run_in_virtual_time(main())
    # Of four on two threads each has two.
    assert sizes == [1, 2, 1]
