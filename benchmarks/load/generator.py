"""Makes searches in a closed or an open loop, in a process of its own: `python -m benchmarks.load.generator`.

It reads a `Load` in JSON from the first line of its input, writes "ready" when it is connected and warm, begins at
the next line, and writes a `LoadReport` in JSON.
"""

import asyncio
import itertools
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import grpc
import msgspec
from gistwire.v1 import events_pb2, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client.errors import RequestRefusedError, error_of
from gistwire_models.retry_budget import RetryBudget

from benchmarks.load.bare_streams import METHOD
from benchmarks.load.distinct import make_distinct
from benchmarks.load.searches import (
    DEGRADED,
    FAILED,
    REFUSED,
    STEPPED_DOWN,
    Load,
    LoadReport,
    SearchRecord,
    arrivals,
    even_arrivals,
    zipf,
)

_STREAMS_PER_CONNECTION = 32
_OPEN_LOOP_CONNECTIONS = 8
_RETRY_AFTER_S = 0.1

_Summary = events_pb2.Summary


class LoadGenerator:
    """Makes the searches of a load."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._report = LoadReport()
        streams = load.streams or _OPEN_LOOP_CONNECTIONS * _STREAMS_PER_CONNECTION
        self._budget = RetryBudget(share=load.retry_share, reserve=1.0 if load.retry_share else 0.0)
        self._channels = [
            grpc.aio.insecure_channel(
                # Without it the channels of a process share one connection.
                load.target,
                options=[("grpc.use_local_subchannel_pool", 1)],
            )
            for _ in range(load.connections or -(-streams // _STREAMS_PER_CONNECTION))
        ]
        self._begun = 0
        # No load makes a search in a microsecond: later ones go on above all numbers of earlier ones.
        self._numbers = itertools.count(time.time_ns() // 1_000)

    async def prepare(self) -> None:
        """Connects, and searches for what is to be searched for beforehand."""
        await asyncio.gather(*(channel.channel_ready() for channel in self._channels))
        for query in self._load.warm_up:
            await self._attempt(self._channels[0], query)

    async def run(self) -> LoadReport:
        """Makes the searches; returns when all have ended."""
        cpu = os.times()
        began = time.perf_counter()
        if self._load.streams is not None:
            await self._closed_loop(self._load.streams)
        else:
            await self._open_loop()
        self._report.took_s = time.perf_counter() - began
        used = os.times()
        self._report.cpu_s = used.user + used.system - cpu.user - cpu.system
        return self._report

    async def close(self) -> None:
        """Closes the connections."""
        for channel in self._channels:
            await channel.close()

    def _queries(self) -> Iterator[str]:
        if self._load.order == "zipf":
            return zipf(self._load.queries, seed=self._load.seed)
        return itertools.cycle(self._load.queries)

    def _arrivals(self) -> Iterator[float]:
        rate_per_s, seconds = self._load.rate_per_s or 1.0, self._load.seconds
        if self._load.spacing == "evenly":
            return even_arrivals(rate_per_s, seconds)
        return arrivals(rate_per_s, seconds, seed=self._load.seed)

    def _may_begin(self) -> bool:
        if self._load.searches is not None and self._begun >= self._load.searches:
            return False
        self._begun += 1
        return True

    async def _closed_loop(self, streams: int) -> None:
        ends = time.perf_counter() + self._load.seconds
        queries = self._queries()

        async def search_on(channel: grpc.aio.Channel) -> None:
            while time.perf_counter() < ends and self._may_begin():
                query = next(queries)
                record = await self._search(channel, query)
                # Who is refused comes back with the same query, when the server said.
                while record.is_refused:
                    wait_s = record.retry_after_s or _RETRY_AFTER_S
                    if time.perf_counter() + wait_s >= ends:
                        return
                    await asyncio.sleep(wait_s)
                    record = await self._search(channel, query, is_repetition=True)

        async with asyncio.TaskGroup() as tasks:
            for number in range(streams):
                tasks.create_task(search_on(self._channels[number % len(self._channels)]))

    async def _open_loop(self) -> None:
        queries = self._queries()
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number, at_s in enumerate(self._arrivals()):
                if not self._may_begin():
                    return
                await asyncio.sleep(max(0.0, began + at_s - time.perf_counter()))
                late_s = time.perf_counter() - began - at_s
                self._report.lateness_s = max(self._report.lateness_s, late_s)
                channel = self._channels[number % len(self._channels)]
                self._budget.earn()
                tasks.create_task(self._search_with_retry(channel, next(queries)))

    async def _search_with_retry(self, channel: grpc.aio.Channel, query: str) -> None:
        record = await self._search(channel, query)
        if record.retry_after_s is not None and self._budget.affords():
            self._budget.spend()
            await asyncio.sleep(record.retry_after_s)
            await self._search(channel, query, is_repetition=True)

    async def _search(
        self, channel: grpc.aio.Channel, query: str, *, is_repetition: bool = False
    ) -> SearchRecord:
        """Makes a search and records it."""
        record = await self._attempt(channel, query)
        record.is_repetition = is_repetition
        self._report.searches.append(record)
        return record

    async def _attempt(self, channel: grpc.aio.Channel, query: str) -> SearchRecord:
        record = SearchRecord(query=query)
        began = time.perf_counter()
        try:
            if self._load.bare:
                await _read_bare(channel, record, began)
            else:
                await _read_search(channel, self._request(query), self._load.timeout_s, record, began)
        except grpc.aio.AioRpcError as failure:
            error = error_of(failure)
            if isinstance(error, RequestRefusedError):
                record.outcome = REFUSED + (error.reason or failure.code().name)
                record.retry_after_s = error.retry_after_s
            else:
                record.outcome = FAILED + failure.code().name
        record.ended_s = time.perf_counter() - began
        return record

    def _request(self, query: str) -> search_pb2.StreamSearchRequest:
        mode = specs_pb2.SummarySpec.BEST if self._load.summaries else specs_pb2.SummarySpec.NONE
        summary = specs_pb2.SummarySpec(mode=mode, candidates=self._load.candidates)
        rank = specs_pb2.RankSpec(collapse=self._load.collapse)
        if self._load.are_distinct:
            make_distinct(rank, next(self._numbers))
        return search_pb2.StreamSearchRequest(query=query, top_k=self._load.top_k, summary=summary, rank=rank)


async def _read_search(
    channel: grpc.aio.Channel,
    request: search_pb2.StreamSearchRequest,
    timeout_s: float | None,
    record: SearchRecord,
    began: float,
) -> None:
    stub = search_pb2_grpc.SearchServiceStub(channel)
    async for response in stub.StreamSearch(request, timeout=timeout_s):
        record.messages += 1
        record.sent_bytes += response.ByteSize()
        match response.WhichOneof("event"):
            case "hits":
                record.first_hit_s = time.perf_counter() - began
            case "summary_delta":
                record.first_token_s = record.first_token_s or time.perf_counter() - began
            case "summary":
                record.first_token_s = record.first_token_s or time.perf_counter() - began
                record.generated += _has_generated(response.summary)
            case "ranking" if response.ranking.final:
                record.final_s = time.perf_counter() - began
            case "degraded":
                if response.degraded.reason == events_pb2.Degraded.OVERLOAD:
                    record.outcome = STEPPED_DOWN
                elif record.outcome != STEPPED_DOWN:
                    record.outcome = DEGRADED


def _has_generated(summary: _Summary) -> bool:
    return any(each.origin == _Summary.GENERATED for each in summary.candidates)


async def _read_bare(channel: grpc.aio.Channel, record: SearchRecord, began: float) -> None:
    call: Any = channel.unary_stream(METHOD)
    async for message in call(b""):
        record.messages += 1
        record.sent_bytes += len(message)
        record.first_hit_s = record.first_hit_s or time.perf_counter() - began
    record.final_s = time.perf_counter() - began


async def _main() -> None:
    load = msgspec.json.decode(sys.stdin.readline(), type=Load)
    generator = LoadGenerator(load)
    try:
        await generator.prepare()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        report = await generator.run()
    finally:
        await generator.close()
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")


if __name__ == "__main__":
    asyncio.run(_main())
