"""A server as a network of queues, on a clock of its own: `simulate`.

Searches come in, are admitted by the server's own `AdmissionController`, plan their time by its own `Budget`, and
share an interpreter, an encoder, a summarizer that writes in batches, and the cores under all of them.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from gistwire.v1 import search_pb2, specs_pb2
from gistwire_models.local_summarizer import MAX_BATCH_TOKENS_ON_CPU
from gistwire_server.budget import Budget, Step, StepCosts
from gistwire_server.calls import Call
from gistwire_server.config import ServerConfig
from gistwire_server.errors import OverloadedError
from gistwire_server.overload.admission import AdmissionController
from gistwire_server.overload.loop_lag import LoopLag
from gistwire_server.overload.place import Place
from gistwire_server.overload.quality_step import QualityStep
from gistwire_server.overload.rate_limits import RateLimits
from gistwire_server.overload.stepping_down import costs_of_search
from gistwire_server.plan import SearchPlan
from gistwire_server.security.callers import ANONYMOUS
from gistwire_server.telemetry.observation import CallObservation
from gistwire_server.validation import plan_stream_search

from benchmarks.capacity.costs import SearchCosts, draft_share
from benchmarks.capacity.stations import BatchStation, Cores, Station, Tasks
from benchmarks.capacity.virtual_time import run_in_virtual_time
from benchmarks.load.searches import DEGRADED, FULL, REFUSED, STEPPED_DOWN, SearchRecord, arrivals

_OVERLOADED = REFUSED + "OVERLOADED"

_SOURCE_TOKENS = 57
"""Of a short article, such as a headline with its description: so many share a batch as its tokens have room for."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated.

    Attributes:
        costs: what a search takes.
        stored_share: share of the summaries that are stored.
        known_share: share of the queries whose embedding is known.
        cores: of the machine.
        streams: searches under way at any time; None for an open loop.
        rate_per_s: searches that begin in a second, at random; None for a closed loop.
        seconds: how long they begin.
        candidates: for each summary; None for the server's default.
        with_client: whether who asks shares the cores.
        counted_after: share of the time before which searches are not counted, as the server is empty at first.
        seed: of what is random.
    """

    costs: SearchCosts
    stored_share: float
    known_share: float
    cores: int
    streams: int | None
    rate_per_s: float | None
    seconds: float
    candidates: int | None = None
    with_client: bool = False
    counted_after: float = 0.2
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What became of it.

    Attributes:
        searches: those that were counted.
        counted_s: for how long they were counted.
        busy_share: share of the cores' time in which they worked.
    """

    searches: list[SearchRecord] = field(default_factory=list)
    counted_s: float = 0.0
    busy_share: float = 0.0

    def per_s(self, *outcomes: str) -> float:
        """Searches a second that ended in one of these ways."""
        return sum(each.outcome in outcomes for each in self.searches) / self.counted_s


class _SimulatedLag(LoopLag):
    """How late a loop would be that does the interpreter's work.

    Whoever waits for the interpreter has a callback there, and a search about one for each message: what is due waits
    for one of each that waits, not for all that these will have to do.
    """

    def __init__(self, interpreter: Station, callback_s: float) -> None:
        super().__init__()
        self._interpreter = interpreter
        self._callback_s = callback_s

    @property
    def seconds(self) -> float:
        """How late it would be, in seconds."""
        return self._interpreter.waiting * self._callback_s


class _Server:
    """The simulated server."""

    def __init__(self, scenario: Scenario, config: ServerConfig, clock: Callable[[], float]) -> None:
        self._scenario = scenario
        self._config = config
        self._clock = clock
        self._chance = random.Random(scenario.seed)
        self.cores = Cores(scenario.cores)
        self._interpreter = Station(1, self.cores)
        self._encoder = Station(scenario.cores, self.cores)
        self._summarizer = BatchStation(
            scenario.cores, MAX_BATCH_TOKENS_ON_CPU // _SOURCE_TOKENS, self.cores, self._batch_s
        )
        self._client = Station(1, self.cores)
        self._step_costs = StepCosts()
        self._admission = AdmissionController(
            config.overload,
            config.limits,
            RateLimits(config.overload, clock),
            clock,
            loop_lag=_SimulatedLag(self._interpreter, scenario.costs.callback_s),
        )
        request = search_pb2.StreamSearchRequest(
            query="news",
            top_k=scenario.costs.hits,
            summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.BEST, candidates=scenario.candidates),
        )
        self._plan: SearchPlan = plan_stream_search(request, config, None)
        # Of a call the admission reads who makes it, and its name.
        self._call = Call("StreamSearch", "", ANONYMOUS, "default", cast("CallObservation", None))

    async def search(self) -> tuple[SearchRecord, float | None]:
        """Carries out a search; returns what became of it, and when to come back if it was refused."""
        record = SearchRecord()
        began = self._clock()
        reading = Tasks()
        try:
            async with self._admission.admit(
                self._call, costs_of_search(self._plan), deadline_s=self._plan.deadline_s
            ) as place:
                await self._admitted(record, place, began, reading)
        except OverloadedError as refusal:
            record.outcome = _OVERLOADED
            record.ended_s = self._clock() - began
            return record, refusal.retry_after_s
        await reading.ended()
        record.ended_s = record.final_s = self._clock() - began
        return record, None

    async def _admitted(self, record: SearchRecord, place: Place, began: float, reading: Tasks) -> None:
        costs = self._scenario.costs
        budget = Budget(place.left_s(self._plan.deadline_s), self._step_costs, self._clock)
        if place.step is not QualityStep.FULL:
            record.outcome = STEPPED_DOWN
        await self._interpreter.serve(costs.before_hits_s / 2)
        if self._chance.random() >= self._scenario.known_share:
            await self._encoder.serve(costs.encode_s)
        await self.cores.use(costs.retrieve_s)
        await self._interpreter.serve(costs.before_hits_s / 2)
        if self._scenario.with_client:
            await self._client.serve(costs.client_s / (costs.hits + 1))
        record.first_hit_s = self._clock() - began
        places = asyncio.Semaphore(self._config.summary.concurrency)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(costs.hits):
                tasks.create_task(self._summary(record, place, places, budget, reading))

    async def _summary(
        self, record: SearchRecord, place: Place, places: asyncio.Semaphore, budget: Budget, reading: Tasks
    ) -> None:
        costs = self._scenario.costs
        client_s = costs.client_s / (costs.hits + 1)
        async with places:
            writes = self._chance.random() >= self._scenario.stored_share
            if writes and place.step is not QualityStep.EXTRACT:
                if await self._write(place.step, budget):
                    client_s += costs.client_written_s
                elif record.outcome == FULL:
                    record.outcome = DEGRADED
            await self._interpreter.serve(costs.stored_s / costs.hits)
        if self._scenario.with_client:
            # The server does not wait for who reads.
            reading.add(self._client.serve(client_s))

    def _batch_s(self, works_s: list[float]) -> float:
        """What a batch takes. Only drafts share what is read; further candidates are searched for one by one."""
        costs = self._scenario.costs
        draft_s = costs.engine_s * costs.one_candidate_share
        share = draft_share(len(works_s), costs.engine_batch)
        return sum(min(each, draft_s) * share + max(0.0, each - draft_s) for each in works_s)

    async def _write(self, quality: QualityStep, budget: Budget) -> bool:
        """Writes a summary as far as the budget allows; returns whether nothing was given up for want of time."""
        costs = self._scenario.costs
        several = quality is QualityStep.FULL and self._plan.summary.candidates > 1
        step = Step.SUMMARIZE_SEVERAL if several else Step.SUMMARIZE_ONE
        if several and not budget.affords(step, Step.SCORE):
            step = Step.SUMMARIZE_ONE
        if not budget.affords(step, Step.SCORE):
            return False
        engine_s = costs.engine_s * (1.0 if step is Step.SUMMARIZE_SEVERAL else costs.one_candidate_share)
        try:
            async with asyncio.timeout(budget.remaining_s()):
                with budget.spend(step):
                    await self._interpreter.serve(costs.written_s / 2)
                    await self._summarizer.serve(engine_s)
                    await self._interpreter.serve(costs.written_s / 2)
        except TimeoutError:
            return False
        return not several or step is Step.SUMMARIZE_SEVERAL


def simulate(scenario: Scenario, config: ServerConfig | None = None) -> Outcome:
    """Simulates searches on a server.

    Args:
        scenario: what is simulated.
        config: the server's configuration; None for the defaults.
    """
    # The admission draws when refused calls come back.
    random.seed(scenario.seed)
    return run_in_virtual_time(_simulate(scenario, config or ServerConfig(data_dir=Path())))


async def _simulate(scenario: Scenario, config: ServerConfig) -> Outcome:
    clock = asyncio.get_running_loop().time
    server = _Server(scenario, config, clock)
    outcome = Outcome()
    counts_from = scenario.counted_after * scenario.seconds

    async def search() -> float | None:
        begins = clock()
        record, retry_after_s = await server.search()
        if begins >= counts_from:
            outcome.searches.append(record)
        return retry_after_s

    async def stream() -> None:
        while clock() < scenario.seconds:
            retry_after_s = await search()
            if retry_after_s is not None:
                await asyncio.sleep(retry_after_s)

    async with asyncio.TaskGroup() as tasks:
        if scenario.streams is not None:
            for _ in range(scenario.streams):
                tasks.create_task(stream())
        else:
            for at_s in arrivals(scenario.rate_per_s or 1.0, scenario.seconds, seed=scenario.seed):
                await asyncio.sleep(at_s - clock())
                tasks.create_task(search())
    outcome.counted_s = clock() - counts_from
    outcome.busy_share = server.cores.busy_s / (clock() * scenario.cores)
    return outcome
