"""Who may enter, and when: `AdmissionController`, one for all calls that readers wait for."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gistwire_server.budget import Clock
from gistwire_server.calls import Call
from gistwire_server.config import LimitsConfig
from gistwire_server.errors import OverloadedError
from gistwire_server.overload.adaptive_limit import AdaptiveLimit
from gistwire_server.overload.config import OverloadConfig
from gistwire_server.overload.fair_queue import Entry, FairQueue
from gistwire_server.overload.loop_lag import LoopLag
from gistwire_server.overload.place import Place
from gistwire_server.overload.quality_step import CallCosts, QualityStep
from gistwire_server.overload.rate_limits import RateLimits

_WAIT_SHARE = 0.5
"""Most of a call's time that it may wait for its place: with less left, little could be done."""

_HOLD_GAIN = 1 / 16
_PAUSE_GAIN = 1 / 8
_RETRY_AFTER_UNKNOWN_S = 1.0
_MIN_RETRY_AFTER_S, _MAX_RETRY_AFTER_S = 0.1, 30.0

_RESERVE = 1.5
"""How many times the most that runs at a time may run if calls whose wait is over are let in."""

_ROUNDING = 1e-9


@dataclass(slots=True)
class _Waiter:
    """A call that waits for its place."""

    costs: CallCosts
    arrived: float
    granted: asyncio.Future[Place]


class AdmissionController:
    """Admits calls as long as their cost is within a limit that follows latencies, and lets a few others wait.

    A call waits for its turn among all callers (`FairQueue`), and the longer it has waited, the more of it is given
    up (`QualityStep`). It is refused at once if its turn would come too late: after `max_wait_s`, or after half of
    its own time. One that was let wait is not sent away in the end: if it took longer than it seemed, the call enters
    above the limit, with the least done for it. As no call waits longer, those of a caller stay in order; serving the
    last first, as is done where queues are long, would have the others wait in vain.

    Args:
        overload: how much is admitted.
        limits: the most that runs and waits at a time.
        rates: what each caller may ask for.
        clock: seconds that only grow.
        loop_lag: measures how late the event loop is; None to admit by cost alone.
    """

    def __init__(
        self,
        overload: OverloadConfig,
        limits: LimitsConfig,
        rates: RateLimits,
        clock: Clock = time.monotonic,
        *,
        loop_lag: LoopLag | None = None,
    ) -> None:
        self._config = overload
        self._may_wait = limits.waiting_searches
        self._most = _RESERVE * limits.concurrent_searches
        self._rates = rates
        self._clock = clock
        self._loop_lag = loop_lag
        self._limit = AdaptiveLimit(
            minimum=overload.min_concurrent_searches,
            maximum=limits.concurrent_searches,
            tolerance=overload.latency_tolerance,
            clock=clock,
        )
        self._queue: FairQueue[_Waiter] = FairQueue()
        self._in_use = 0.0
        # How long a unit of cost is held, lately; None before anything ended.
        self._hold_s: float | None = None
        # How long it takes, lately, from one call that leaves the queue to the next.
        self._pause_s = 0.0
        self._last_left: float | None = None
        self._refused = 0

    @property
    def limit(self) -> float:
        """Cost of what may run at a time, in default searches."""
        return self._limit.value

    @property
    def in_use(self) -> float:
        """Cost of what runs, in default searches."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return len(self._queue)

    @property
    def refused(self) -> int:
        """Calls that were refused so far, because too much was under way."""
        return self._refused

    @asynccontextmanager
    async def admit(self, call: Call, costs: CallCosts, *, deadline_s: float) -> AsyncIterator[Place]:
        """Waits for a place, holds it while the block runs, and gives it back.

        Args:
            call: the call.
            costs: what it costs.
            deadline_s: the time it has, in seconds.

        Raises:
            OverloadedError: its turn would come too late.
            QuotaExceededError: the caller has used up their work of the day.
        """
        flow = (call.tenant, call.caller.name)
        place = await self._enter(flow, self._rates.weight(call.caller.name, call.tenant), costs, deadline_s)
        try:
            self._rates.charge(call.caller.name, call.tenant, place.cost)
            yield place
        except TimeoutError:
            self._note(call.rpc, place)
            raise
        else:
            self._note(call.rpc, place)
        finally:
            self._in_use -= place.cost
            self._dispatch()

    async def _enter(
        self, flow: tuple[str, str], weight: float, costs: CallCosts, deadline_s: float
    ) -> Place:
        arrived = self._clock()
        if not self._queue and self._fits(costs.full):
            return self._grant(costs, arrived, QualityStep.FULL)
        max_wait_s = min(self._config.max_wait_s, _WAIT_SHARE * deadline_s)
        if self._expected_wait_s(flow) > max_wait_s or not self._make_room(flow):
            raise self._refusal()
        loop = asyncio.get_running_loop()
        waiter = _Waiter(costs, arrived, loop.create_future())
        entry = self._queue.push(flow, waiter, cost=costs.full, weight=weight)
        timer = loop.call_later(max_wait_s, self._end_wait, entry)
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            self._queue.remove(entry)
            if waiter.granted.done() and not waiter.granted.cancelled():
                # It was granted and left at the same moment.
                self._in_use -= waiter.granted.result().cost
            self._dispatch()
            raise
        finally:
            timer.cancel()

    def _fits(self, cost: float) -> bool:
        if self._in_use <= _ROUNDING:
            # What alone is more than the limit runs alone.
            return True
        if self._loop_lag is not None and self._loop_lag.seconds > self._config.max_loop_lag_s:
            return False
        return self._in_use + cost <= self._limit.value + _ROUNDING

    def _grant(self, costs: CallCosts, arrived: float, step: QualityStep) -> Place:
        cost = costs.at(step)
        self._in_use += cost
        if self._loop_lag is not None:
            self._loop_lag.measure(self._goes_on)
        return Place(self._clock, arrived, step, cost, self._in_use)

    def _goes_on(self) -> bool:
        """Lets in whoever waited for the loop; says whether anything runs."""
        self._dispatch()
        return self._in_use > _ROUNDING

    def _dispatch(self) -> None:
        """Gives places to those whose turn it is, as long as they fit."""
        while (entry := self._queue.peek()) is not None:
            waiter = entry.item
            step = self._step(self._clock() - waiter.arrived)
            if not self._fits(waiter.costs.at(step)):
                return
            self._queue.take(entry)
            self._note_leaving()
            if not waiter.granted.done():
                waiter.granted.set_result(self._grant(waiter.costs, waiter.arrived, step))

    def _end_wait(self, entry: Entry[_Waiter]) -> None:
        """Lets in a call that waited as long as it may, with the least done for it, unless far too much runs."""
        waiter = entry.item
        step = QualityStep.EXTRACT
        if waiter.granted.done() or self._in_use + waiter.costs.at(step) > self._most:
            self._refuse(entry)
            return
        self._queue.remove(entry)
        self._note_leaving()
        waiter.granted.set_result(self._grant(waiter.costs, waiter.arrived, step))

    def _note_leaving(self) -> None:
        now = self._clock()
        if self._last_left is not None and self._queue:
            self._pause_s += _PAUSE_GAIN * (now - self._last_left - self._pause_s)
        self._last_left = now

    def _step(self, waited_s: float) -> QualityStep:
        share = waited_s / self._config.max_wait_s
        if share >= self._config.extract_from:
            return QualityStep.EXTRACT
        if share >= self._config.fast_from:
            return QualityStep.FAST
        if share >= self._config.one_candidate_from:
            return QualityStep.ONE_CANDIDATE
        return QualityStep.FULL

    def _expected_wait_s(self, flow: tuple[str, str]) -> float:
        """About how long a further call of a flow would wait, in seconds.

        At least as long as those before it take if they are cut short, once no more runs than may, and as long as so
        many took lately.
        """
        before = [waiter.costs.extract for waiter in self._queue.before(flow)]
        excess = max(0.0, self._in_use - self._limit.value)
        return max(self._drain_s(iter([excess, *before])), len(before) * self._pause_s)

    def _drain_s(self, costs: Iterator[float]) -> float:
        """How long what costs so much would take to be admitted, in seconds (Little's law)."""
        return 0.0 if self._hold_s is None else sum(costs) * self._hold_s / self._limit.value

    def _make_room(self, flow: tuple[str, str]) -> bool:
        """Whether a further call of a flow may wait; one of a caller of whom more wait gives way."""
        if len(self._queue) < self._may_wait:
            return True
        other = self._queue.last_of_longest_flow()
        if other is None or self._queue.waiting(other.flow) <= self._queue.waiting(flow) + 1:
            return False
        self._refuse(other)
        return True

    def _refuse(self, entry: Entry[_Waiter]) -> None:
        self._queue.remove(entry)
        if not entry.item.granted.done():
            entry.item.granted.set_exception(self._refusal())

    def _refusal(self) -> OverloadedError:
        self._refused += 1
        if self._hold_s is None:
            drain_s = _RETRY_AFTER_UNKNOWN_S
        else:
            now = self._clock()
            drain_s = self._drain_s(
                entry.item.costs.at(self._step(now - entry.item.arrived)) for entry in self._queue
            )
        # Those that are refused together are not to come back together.
        retry_after_s = drain_s * random.uniform(1.0, 1.5)  # noqa: S311 (no secret)
        return OverloadedError(
            f"{len(self._queue)} calls wait already",
            retry_after_s=min(max(retry_after_s, _MIN_RETRY_AFTER_S), _MAX_RETRY_AFTER_S),
        )

    def _note(self, rpc: str, place: Place) -> None:
        """Takes note of how long a call took that came to its end, or to that of its time."""
        held_s = place.held_s()
        if self._hold_s is None:
            self._hold_s = held_s
        else:
            # A call that takes little of what there is tells little of how long that is held.
            gain = _HOLD_GAIN * min(place.cost, 1.0)
            self._hold_s += gain * (held_s - self._hold_s)
        if place.tells_of_server():
            # One that began alone may have got company.
            in_use = max(place.in_use, self._in_use)
            self._limit.sample(place.kind(rpc), duration_s=held_s, cost=place.cost, in_use=in_use)
