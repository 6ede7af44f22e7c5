"""Tests of `AdmissionController`: who runs, who waits how long for what, and who is told when to come back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

import pytest
from gistwire_server.calls import Call
from gistwire_server.config import LimitsConfig
from gistwire_server.errors import OverloadedError, QuotaExceededError
from gistwire_server.overload.admission import AdmissionController
from gistwire_server.overload.config import CallerLimitsConfig, OverloadConfig
from gistwire_server.overload.loop_lag import LoopLag
from gistwire_server.overload.place import Place
from gistwire_server.overload.quality_step import CallCosts, QualityStep
from gistwire_server.overload.rate_limits import RateLimits
from gistwire_server.security.callers import Caller, Role
from gistwire_server.telemetry.metrics import ServerMetrics
from gistwire_server.telemetry.observation import CallObservation

from tests.server.overload.clock import Clock

ONE = CallCosts.fixed(1.0)
SHRINKING = CallCosts(full=1.0, one_candidate=0.5, fast=0.4, extract=0.1)


class Bench:
    """A controller with a clock of its own, and calls that stay until they are let go."""

    def __init__(
        self,
        *callers: CallerLimitsConfig,
        at_work: int = 2,
        waiting: int = 4,
        loop_lag: LoopLag | None = None,
    ) -> None:
        self.clock = Clock()
        # The timers of waiting calls run by real time: none is to end in a test.
        config = OverloadConfig(max_wait_s=600.0, callers=callers)
        limits = LimitsConfig(concurrent_searches=at_work, waiting_searches=waiting)
        self.controller = AdmissionController(
            config, limits, RateLimits(config, self.clock), self.clock, loop_lag=loop_lag
        )
        self.places: list[tuple[str, Place]] = []
        self._metrics = ServerMetrics()
        self._leaving: list[asyncio.Event] = []
        self._tasks: list[asyncio.Task[None]] = []

    def call(self, caller: str = "ada", tenant: str = "default") -> Call:
        observation = CallObservation("Search", self._metrics)
        return Call("Search", "1", Caller(caller, frozenset(Role)), tenant, observation)

    @asynccontextmanager
    async def admitted(
        self, caller: str = "ada", *, costs: CallCosts = ONE, deadline_s: float = 3_600.0
    ) -> AsyncIterator[Place]:
        async with self.controller.admit(self.call(caller), costs, deadline_s=deadline_s) as place:
            yield place

    async def start(self, caller: str = "ada", *, costs: CallCosts = ONE) -> asyncio.Task[None]:
        """Begins a call, which enters or waits."""
        leave = asyncio.Event()

        async def stay() -> None:
            async with self.admitted(caller, costs=costs) as place:
                self.places.append((caller, place))
                self._leaving.append(leave)
                await leave.wait()

        task = asyncio.create_task(stay())
        self._tasks.append(task)
        await settle()
        return task

    async def end_first(self) -> None:
        """Ends the call that entered first."""
        self._leaving.pop(0).set()
        await settle()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def entered(self) -> list[str]:
        return [caller for caller, _ in self.places]


async def settle() -> None:
    """Lets all tasks come to where they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    try:
        yield bench
    finally:
        await bench.stop()
        assert bench.controller.in_use == pytest.approx(0)
        assert bench.controller.waiting == 0


async def test_calls_enter_as_long_as_their_cost_is_within_the_limit() -> None:
    async with running(Bench(at_work=2)) as bench:
        for _ in range(4):
            await bench.start(costs=CallCosts.fixed(0.5))
        await bench.start(costs=CallCosts.fixed(0.1))
        assert len(bench.places) == 4
        assert bench.controller.waiting == 1
        await bench.end_first()
        assert len(bench.places) == 5


async def test_a_call_that_is_more_than_the_limit_runs_alone() -> None:
    async with running(Bench(at_work=2)) as bench:
        await bench.start()
        await bench.start(costs=CallCosts.fixed(50.0))
        assert len(bench.places) == 1
        await bench.end_first()
        assert len(bench.places) == 2
        await bench.start()
        assert len(bench.places) == 2
        await bench.end_first()
        assert len(bench.places) == 3


async def test_beyond_those_that_may_wait_calls_are_refused_with_a_time_to_come_back() -> None:
    async with running(Bench(at_work=1, waiting=2)) as bench:
        for _ in range(3):
            await bench.start()
        with pytest.raises(OverloadedError) as refused:
            async with bench.admitted():
                pytest.fail("admitted")
        assert refused.value.retry_after_s > 0
        assert bench.controller.refused == 1


async def test_the_time_to_come_back_follows_the_queue() -> None:
    async with running(Bench(at_work=1, waiting=8)) as bench:
        await bench.start()
        bench.clock.now += 2.0
        await bench.end_first()
        # Now it is known that a place is held for two seconds; eight wait for it, one after the other.
        for _ in range(9):
            await bench.start()
        with pytest.raises(OverloadedError) as refused:
            async with bench.admitted():
                pytest.fail("admitted")
        assert 16.0 <= refused.value.retry_after_s <= 24.0


async def test_a_call_whose_time_would_pass_while_it_waits_is_refused_at_once() -> None:
    async with running(Bench(at_work=1, waiting=8)) as bench:
        await bench.start()
        bench.clock.now += 2.0
        await bench.end_first()
        for _ in range(4):
            await bench.start()
        # Three wait: six seconds, and a call may wait for half of its own.
        with pytest.raises(OverloadedError):
            async with bench.admitted(deadline_s=8.0):
                pytest.fail("admitted")
        assert bench.controller.waiting == 3


async def test_a_call_that_waited_as_long_as_it_may_enters_with_the_least_done_for_it() -> None:
    config = OverloadConfig(max_wait_s=0.01)
    limits = LimitsConfig(concurrent_searches=1, waiting_searches=8)
    controller = AdmissionController(config, limits, RateLimits(config))
    bench = Bench()
    async with (
        controller.admit(bench.call(), ONE, deadline_s=60.0),
        controller.admit(bench.call(), SHRINKING, deadline_s=60.0) as place,
    ):
        assert place.step is QualityStep.EXTRACT
        assert controller.in_use == pytest.approx(1.1)
        assert controller.waiting == 0
    assert controller.in_use == pytest.approx(0)


async def test_a_call_that_waited_as_long_as_it_may_is_refused_where_far_too_much_runs() -> None:
    config = OverloadConfig(max_wait_s=0.01)
    limits = LimitsConfig(concurrent_searches=1, waiting_searches=8)
    controller = AdmissionController(config, limits, RateLimits(config))
    bench = Bench()
    async with controller.admit(bench.call(), ONE, deadline_s=60.0):
        with pytest.raises(OverloadedError):
            async with controller.admit(bench.call(), ONE, deadline_s=60.0):
                pytest.fail("admitted")
        assert controller.waiting == 0
    async with controller.admit(bench.call(), ONE, deadline_s=60.0):
        pass
    assert controller.in_use == pytest.approx(0)


async def test_what_runs_above_the_limit_counts_for_the_wait_of_others() -> None:
    config = OverloadConfig(max_wait_s=0.01)
    limits = LimitsConfig(concurrent_searches=1, waiting_searches=8)
    clock = Clock()
    controller = AdmissionController(config, limits, RateLimits(config, clock), clock)
    bench = Bench()
    async with controller.admit(bench.call(), ONE, deadline_s=60.0):
        clock.now += 1.0
    async with (
        controller.admit(bench.call(), ONE, deadline_s=60.0),
        controller.admit(bench.call(), SHRINKING, deadline_s=60.0),
    ):
        # Nobody waits, but a tenth more runs than may: 0.1 s of the second for which a place is held.
        with pytest.raises(OverloadedError):
            async with controller.admit(bench.call(), SHRINKING, deadline_s=60.0):
                pytest.fail("admitted")


async def test_the_longer_a_call_waited_the_more_is_given_up() -> None:
    async with running(Bench(at_work=1, waiting=9)) as bench:
        for share, step in ((0.0, "FULL"), (0.2, "ONE_CANDIDATE"), (0.4, "FAST"), (0.7, "EXTRACT")):
            await bench.start()
            await bench.start()
            bench.clock.now += share * 600.0
            await bench.end_first()
            _, place = bench.places[-1]
            assert place.step is QualityStep[step]
            assert place.waited_s == pytest.approx(share * 600.0)
            await bench.end_first()


async def test_more_calls_enter_when_each_is_given_less() -> None:
    async with running(Bench(at_work=1, waiting=20)) as bench:
        await bench.start(costs=SHRINKING)
        for _ in range(12):
            await bench.start(costs=SHRINKING)
        assert len(bench.places) == 1
        bench.clock.now += 0.7 * 600.0
        await bench.end_first()
        steps = Counter(place.step for _, place in bench.places)
        assert steps == {QualityStep.FULL: 1, QualityStep.EXTRACT: 10}


async def test_the_wait_is_taken_off_the_time_of_the_call() -> None:
    async with running(Bench(at_work=1)) as bench:
        await bench.start()
        await bench.start()
        bench.clock.now += 7.0
        await bench.end_first()
        bench.clock.now += 1.0
        _, place = bench.places[-1]
        assert place.left_s(10.0) == pytest.approx(2.0)
        assert place.left_s(5.0) == 0.0


async def test_who_asks_for_much_does_not_keep_others_waiting() -> None:
    async with running(Bench(at_work=1, waiting=10)) as bench:
        for _ in range(8):
            await bench.start("greedy")
        await bench.start("modest")
        await bench.end_first()
        await bench.end_first()
        assert bench.entered()[:3].count("modest") == 1


async def test_a_full_queue_makes_room_for_who_waits_less_often() -> None:
    async with running(Bench(at_work=1, waiting=4)) as bench:
        calls = [await bench.start("greedy") for _ in range(5)]
        await bench.start("modest")
        assert bench.controller.waiting == 4
        with pytest.raises(OverloadedError):
            await calls[-1]
        # But not for one who waits as often.
        with pytest.raises(OverloadedError):
            async with bench.admitted("greedy"):
                pytest.fail("admitted")


async def test_weights_are_shares() -> None:
    limits = CallerLimitsConfig(callers="paying", weight=3)
    async with running(Bench(limits, at_work=1, waiting=40)) as bench:
        await bench.start("other")
        for _ in range(16):
            await bench.start("paying")
            await bench.start("free")
        for _ in range(16):
            await bench.end_first()
        entered = Counter(bench.entered()[1:17])
        assert entered["paying"] in (11, 12, 13)


async def test_those_who_leave_while_they_wait_make_room() -> None:
    async with running(Bench(at_work=1, waiting=2)) as bench:
        await bench.start()
        waiting = await bench.start("bob")
        await bench.start("cyn")
        waiting.cancel()
        await settle()
        assert bench.controller.waiting == 1
        await bench.end_first()
        assert bench.entered() == ["ada", "cyn"]


async def test_who_leaves_in_the_moment_of_entering_holds_nothing() -> None:
    async with running(Bench(at_work=1, waiting=2)) as bench:
        await bench.start()
        waiting = await bench.start("bob")
        bench._leaving.pop(0).set()
        # One step of the loop: the first call has left, the second was granted its place, and does not know yet.
        while bench.controller.waiting:
            await asyncio.sleep(0)
        waiting.cancel()
        await settle()
        assert bench.controller.in_use == pytest.approx(0)


async def test_a_place_is_given_back_after_a_failure() -> None:
    async with running(Bench(at_work=1, waiting=0)) as bench:
        for failure in (RuntimeError, TimeoutError):
            with pytest.raises(failure):
                async with bench.admitted():
                    raise failure
        async with bench.admitted():
            pass


async def test_work_is_charged_by_what_is_done() -> None:
    async with running(Bench(CallerLimitsConfig(cost_per_day=2.5))) as bench:
        for _ in range(2):
            async with bench.admitted():
                pass
        with pytest.raises(QuotaExceededError):
            async with bench.admitted():
                pytest.fail("admitted")
        async with bench.admitted("bob"):
            pass
        async with bench.admitted(costs=CallCosts.fixed(0.5)):
            pass


async def test_more_run_at_a_time_as_long_as_calls_take_no_longer_and_fewer_when_they_do() -> None:
    async with running(Bench(at_work=40)) as bench:
        for _ in range(20):
            async with bench.admitted():
                bench.clock.now += 0.1
        await _fill_up(bench)
        assert bench.controller.limit == 40
        lowest = bench.controller.limit
        for _ in range(20):
            places = [await bench.start() for _ in range(int(bench.controller.limit))]
            bench.clock.now += 2.0
            for _ in places:
                await bench.end_first()
            # It rises again: that calls take as long where few run is no fault of the others.
            lowest = min(lowest, bench.controller.limit)
        assert lowest < 20


async def test_slow_readers_do_not_count_as_a_slow_server() -> None:
    async with running(Bench(at_work=40)) as bench:
        for _ in range(20):
            async with bench.admitted():
                bench.clock.now += 0.1
        await _fill_up(bench)
        for _ in range(40):
            places = [await bench.start() for _ in range(40)]
            bench.clock.now += 0.1
            with ExitStack() as writing:
                for _, place in bench.places[-40:]:
                    writing.enter_context(place.writing(None))
                bench.clock.now += 9.0
            for _ in places:
                await bench.end_first()
        assert bench.controller.limit == 40


class _Lag(LoopLag):
    """A loop that is as late as a test says, which says when it is measured."""

    def __init__(self) -> None:
        super().__init__()
        self.late_s = 0.0
        self.wanted: Callable[[], bool] = lambda: False

    @property
    def seconds(self) -> float:
        return self.late_s

    def measure(self, wanted: Callable[[], bool]) -> None:
        self.wanted = wanted


async def test_nobody_is_let_in_beside_others_while_the_loop_is_late() -> None:
    lag = _Lag()
    async with running(Bench(at_work=40, loop_lag=lag)) as bench:
        lag.late_s = 1.0
        await bench.start()
        await bench.start()
        assert len(bench.places) == 1
        assert lag.wanted()
        await settle()
        assert len(bench.places) == 1
        lag.late_s = 0.0
        assert lag.wanted()
        await settle()
        assert len(bench.places) == 2
        await bench.end_first()
        await bench.end_first()
        assert not lag.wanted()


async def _fill_up(bench: Bench) -> None:
    """Has as many run at a time as may, each as long as on an idle server, until the limit is at its highest."""
    for _ in range(100):
        places = [await bench.start() for _ in range(int(bench.controller.limit))]
        bench.clock.now += 0.1
        for _ in places:
            await bench.end_first()
