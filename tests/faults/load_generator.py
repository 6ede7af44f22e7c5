"""Makes searches at a rate, whatever becomes of them, over many connections: an open loop, in a process of its own.

python -m tests.faults.load_generator FIELDS  # of `Load`, as a JSON object; writes a `LoadReport` as a JSON object
"""

import asyncio
import sys
import time

import grpc
import msgspec
from gistwire.v1 import events_pb2, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client.errors import RequestRefusedError, error_of
from gistwire_models.retry_budget import RetryBudget

_RETRY_SHARE = 0.1


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a server.

    Attributes:
        target: where it is.
        searches: how many.
        rate_per_s: how many begin in a second.
        connections: that they are spread over.
        top_k: hits of each.
        timeout_s: time of each, in seconds.
        retries: whether one that is refused is made again when the server says, as far as a tenth of all may be.
    """

    target: str
    searches: int
    rate_per_s: float
    connections: int
    top_k: int
    timeout_s: float = 10.0
    retries: bool = False


class LoadReport(msgspec.Struct, kw_only=True):
    """What became of it.

    Attributes:
        completed_s: how long each search took that was completed, in seconds.
        refused_s: how long each refusal took, in seconds.
        retry_after_s: when each refused one was to come back, in seconds.
        degraded: completed searches of which something was given up.
        without_retry_info: refusals that did not say when to come back.
        failed: other endings, by status.
        retried: searches that were made again.
        lateness_s: by how much a search began later than it was to, at worst, in seconds.
        took_s: from the first beginning to the last end, in seconds.
    """

    completed_s: list[float] = []
    refused_s: list[float] = []
    retry_after_s: list[float] = []
    degraded: int = 0
    without_retry_info: int = 0
    failed: dict[str, int] = {}
    retried: int = 0
    lateness_s: float = 0.0
    took_s: float = 0.0


async def generate(load: Load) -> LoadReport:
    """Makes the searches; returns when all have ended."""
    report = LoadReport()
    budget = RetryBudget(share=_RETRY_SHARE, reserve=1.0)
    channels = [
        grpc.aio.insecure_channel(
            load.target,
            options=[("grpc.use_local_subchannel_pool", 1), ("gistwire.connection", number)],
        )
        for number in range(load.connections)
    ]
    try:
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        stubs = [search_pb2_grpc.SearchServiceStub(channel) for channel in channels]
        began = time.monotonic()
        async with asyncio.TaskGroup() as searches:
            for number in range(load.searches):
                due = began + number / load.rate_per_s
                # Paces the load.
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                report.lateness_s = max(report.lateness_s, time.monotonic() - due)
                budget.earn()
                searches.create_task(_search(stubs[number % len(stubs)], load, report, budget))
        report.took_s = time.monotonic() - began
    finally:
        for channel in channels:
            await channel.close()
    return report


async def _search(
    stub: "search_pb2_grpc.SearchServiceAsyncStub", load: Load, report: LoadReport, budget: RetryBudget
) -> None:
    retry_after_s = await _attempt(stub, load, report)
    if retry_after_s is not None and load.retries and budget.affords():
        budget.spend()
        report.retried += 1
        await asyncio.sleep(retry_after_s)
        await _attempt(stub, load, report)


async def _attempt(
    stub: "search_pb2_grpc.SearchServiceAsyncStub", load: Load, report: LoadReport
) -> float | None:
    """Makes a search; returns when to come back, in seconds, if it was refused for now."""
    # The articles are much alike.
    rank = specs_pb2.RankSpec(collapse=False)
    request = search_pb2.StreamSearchRequest(query="harbour strike", top_k=load.top_k, rank=rank)
    begin = time.monotonic()
    degraded = False
    try:
        async for event in stub.StreamSearch(request, timeout=load.timeout_s):
            degraded |= event.degraded.reason == events_pb2.Degraded.OVERLOAD
    except grpc.aio.AioRpcError as failure:
        took_s = time.monotonic() - begin
        error = error_of(failure)
        if not isinstance(error, RequestRefusedError) or error.reason != "OVERLOADED":
            report.failed[failure.code().name] = report.failed.get(failure.code().name, 0) + 1
            return None
        report.refused_s.append(took_s)
        if error.retry_after_s is None:
            report.without_retry_info += 1
            return None
        report.retry_after_s.append(error.retry_after_s)
        return error.retry_after_s
    report.completed_s.append(time.monotonic() - begin)
    report.degraded += degraded
    return None


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.argv[1], type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(generate(asked))) + b"\n")
