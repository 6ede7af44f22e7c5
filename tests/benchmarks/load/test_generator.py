"""Tests of how searches are made: over which connections, at what times, and who comes back after a refusal."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from gistwire.v1 import events_pb2, search_pb2, search_pb2_grpc
from gistwire_server.errors import OverloadedError, status_of
from grpc_status import rpc_status

from benchmarks.load.generator import LoadGenerator
from benchmarks.load.searches import FULL, REFUSED, Load, LoadReport

_OVERLOADED = f"{REFUSED}OVERLOADED"
_RETRY_AFTER_S = 0.02


class _BusyServer(search_pb2_grpc.SearchServiceServicer):
    """Refuses the first so many searches; the others end with a final ranking.

    Attributes:
        refusals: how many it refuses.
        requests: what it was asked.
        connections: where it was asked from.
    """

    def __init__(self) -> None:
        self.refusals = 0
        self.requests: list[search_pb2.StreamSearchRequest] = []
        self.connections: set[str] = set()

    async def StreamSearch(  # noqa: N802
        self, request: search_pb2.StreamSearchRequest, context: Any
    ) -> AsyncIterator[search_pb2.StreamSearchResponse]:
        self.requests.append(request)
        self.connections.add(context.peer())
        if len(self.requests) <= self.refusals:
            busy = OverloadedError("busy", retry_after_s=_RETRY_AFTER_S)
            await context.abort_with_status(rpc_status.to_status(status_of(busy)))
        yield search_pb2.StreamSearchResponse(ranking=events_pb2.Ranking(final=True))

    async def Search(self, request: search_pb2.SearchRequest, context: Any) -> Any:  # noqa: N802
        raise NotImplementedError

    def Watch(self, request: search_pb2.WatchRequest, context: Any) -> Any:  # noqa: N802
        raise NotImplementedError


@pytest.fixture
def servicer() -> _BusyServer:
    return _BusyServer()


@pytest.fixture
async def target(servicer: _BusyServer) -> AsyncIterator[str]:
    server = grpc.aio.server()
    search_pb2_grpc.add_SearchServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def _under(load: Load) -> LoadReport:
    generator = LoadGenerator(load)
    try:
        await generator.prepare()
        return await generator.run()
    finally:
        await generator.close()


def _outcomes(report: LoadReport) -> Counter[tuple[str, bool]]:
    return Counter((each.outcome, each.is_repetition) for each in report.searches)


async def test_an_even_load_is_spread_over_its_connections(servicer: _BusyServer, target: str) -> None:
    load = Load(
        target=target,
        queries=["harbour", "strike"],
        rate_per_s=200.0,
        spacing="evenly",
        seconds=0.1,
        connections=5,
        top_k=3,
        collapse=False,
    )
    report = await _under(load)
    assert _outcomes(report) == {(FULL, False): 20}
    assert len(servicer.connections) == 5
    assert Counter(each.query for each in servicer.requests) == {"harbour": 10, "strike": 10}
    assert all(each.top_k == 3 and not each.rank.collapse for each in servicer.requests)
    # The last begins when it is due, not as soon as there is time.
    assert report.took_s >= 19 / 200


async def test_distinct_searches_differ_from_all_others_and_hardly(
    servicer: _BusyServer, target: str
) -> None:
    load = Load(
        target=target,
        queries=["harbour"],
        warm_up=["harbour"],
        are_distinct=True,
        streams=2,
        searches=9,
        seconds=60.0,
    )
    await _under(load)
    await _under(load)
    half_lives_us = [each.rank.recency_half_life.ToMicroseconds() for each in servicer.requests]
    assert len(set(half_lives_us)) == 20
    week_us = 604_800_000_000
    assert week_us <= min(half_lives_us) <= max(half_lives_us) <= 1.001 * week_us


async def test_of_an_open_load_no_more_come_back_than_their_share(servicer: _BusyServer, target: str) -> None:
    servicer.refusals = 1_000
    load = Load(
        target=target,
        queries=["harbour"],
        rate_per_s=400.0,
        spacing="evenly",
        seconds=0.1,
        retry_share=0.25,
    )
    report = await _under(load)
    counts = _outcomes(report)
    assert counts[_OVERLOADED, False] == 40
    # One that is there at first, and a quarter of all; who is refused twice stays away.
    assert 2 <= counts[_OVERLOADED, True] <= 11
    assert all(each.retry_after_s == _RETRY_AFTER_S for each in report.searches)


async def test_an_open_load_without_a_share_takes_refusals_as_they_are(
    servicer: _BusyServer, target: str
) -> None:
    servicer.refusals = 3
    load = Load(target=target, queries=["harbour"], rate_per_s=100.0, spacing="evenly", seconds=0.1)
    assert _outcomes(await _under(load)) == {(_OVERLOADED, False): 3, (FULL, False): 7}


async def test_in_a_closed_loop_who_is_refused_comes_back(servicer: _BusyServer, target: str) -> None:
    servicer.refusals = 2
    load = Load(target=target, queries=["harbour"], streams=1, searches=2, seconds=60.0)
    report = await _under(load)
    assert [(each.outcome, each.is_repetition) for each in report.searches] == [
        (_OVERLOADED, False),
        (_OVERLOADED, True),
        (FULL, True),
        (FULL, False),
    ]
