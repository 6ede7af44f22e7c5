"""Tests of `GuardedTransport` on a node that does as it is told: what it holds back, and how often it repeats."""

import asyncio
from typing import Any, ClassVar

import pytest
from elastic_transport import (
    ApiResponseMeta,
    BaseAsyncNode,
    ConnectionTimeout,
    HttpHeaders,
    NodeConfig,
)
from elastic_transport import ConnectionError as TransportConnectionError
from elastic_transport._node import NodeApiResponse
from elasticsearch import AsyncElasticsearch
from gistwire_indexer.elasticsearch.connection import ElasticsearchSettings, connect, explained_errors
from gistwire_indexer.elasticsearch.guarding import CircuitOpenError, GuardedTransport
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_models.circuit_breaker import BreakerState

Outcome = int | Exception | asyncio.Event
"""What a node does: an HTTP status, an error, or an answer that waits for an event."""


class ScriptedNode(BaseAsyncNode):
    """Does as `script` says, and goes on with its last word."""

    script: ClassVar[list[Outcome]]
    requests: ClassVar[list[tuple[str, float | None]]]

    async def perform_request(  # type: ignore[override]
        self, method: str, target: str, body: Any = None, headers: Any = None, request_timeout: Any = None
    ) -> NodeApiResponse:
        self.requests.append((target, request_timeout))
        outcome = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, asyncio.Event):
            await outcome.wait()
            outcome = 200
        headers = HttpHeaders({"content-type": "application/json"})
        return NodeApiResponse(ApiResponseMeta(outcome, "1.1", headers, 0.0, self.config), b"{}")

    async def close(self) -> None:  # type: ignore[override]
        pass


class Cluster:
    """A transport with one node, a script for it, and a clock for the breaker."""

    def __init__(self, transport: GuardedTransport, node: type[ScriptedNode]) -> None:
        self.transport = transport
        self._node = node

    def does(self, *outcomes: Outcome) -> None:
        self._node.script = list(outcomes)

    @property
    def requests(self) -> list[tuple[str, float | None]]:
        return self._node.requests

    async def read(self) -> int:
        return (await self.transport.perform_request("POST", "/articles/_search")).meta.status

    async def fail_reads(self, count: int, error: type[Exception] = TransportConnectionError) -> None:
        for _ in range(count):
            with pytest.raises(error):
                await self.read()


@pytest.fixture
def now() -> list[float]:
    return [1_000.0]


@pytest.fixture
def cluster(now: list[float]) -> Cluster:
    class Node(ScriptedNode):
        script: ClassVar[list[Outcome]] = [200]
        requests: ClassVar[list[tuple[str, float | None]]] = []

    node = NodeConfig("http", "cluster", 9200)
    return Cluster(GuardedTransport([node], node_class=Node, clock=lambda: now[0]), Node)


def refused() -> Exception:
    return TransportConnectionError("refused")


async def test_a_cluster_that_fails_five_times_is_left_alone(cluster: Cluster) -> None:
    cluster.does(ConnectionTimeout("late"))
    await cluster.fail_reads(4, ConnectionTimeout)
    assert cluster.transport.breaker.state is BreakerState.CLOSED
    await cluster.fail_reads(1, ConnectionTimeout)
    sent = len(cluster.requests)
    await cluster.fail_reads(20, CircuitOpenError)
    assert len(cluster.requests) == sent == 5


async def test_one_trial_that_is_answered_lets_all_through_again(cluster: Cluster, now: list[float]) -> None:
    cluster.does(refused())
    await cluster.fail_reads(5)
    now[0] += 1
    answer = asyncio.Event()
    cluster.does(answer, 200)
    sent = len(cluster.requests)
    trial = asyncio.create_task(cluster.read())
    await asyncio.sleep(0)
    await cluster.fail_reads(3, CircuitOpenError)
    answer.set()
    assert await trial == 200
    assert [await cluster.read() for _ in range(3)] == [200] * 3
    assert len(cluster.requests) == sent + 4
    # A reader had to wait for it: not for long.
    assert cluster.requests[sent][1] == 2.0


async def test_a_trial_that_fails_is_followed_by_a_longer_pause(cluster: Cluster, now: list[float]) -> None:
    cluster.does(refused())
    await cluster.fail_reads(5)
    pauses = []
    for _ in range(6):
        pauses.append(cluster.transport.breaker.trial_in_s)
        now[0] += pauses[-1]
        sent = len(cluster.requests)
        await cluster.fail_reads(1)
        # The trial is one request: what fails is not repeated.
        assert len(cluster.requests) == sent + 1
    assert pauses == sorted(pauses)
    assert pauses[-1] == 4.0


async def test_an_answer_between_failures_keeps_it_closed(cluster: Cluster) -> None:
    for _ in range(5):
        cluster.does(ConnectionTimeout("late"))
        await cluster.fail_reads(4, ConnectionTimeout)
        cluster.does(429)
        assert await cluster.read() == 429


@pytest.mark.parametrize(("waited_s", "opens"), [(1.5, True), (0.2, False)])
async def test_reads_that_callers_gave_up_count_only_if_they_waited_long(
    cluster: Cluster, now: list[float], waited_s: float, opens: bool
) -> None:
    cluster.does(asyncio.Event())
    for _ in range(5):
        read = asyncio.create_task(cluster.read())
        await asyncio.sleep(0)
        now[0] += waited_s
        read.cancel()
        await asyncio.gather(read, return_exceptions=True)
    assert (cluster.transport.breaker.state is not BreakerState.CLOSED) is opens


async def test_a_trial_that_its_caller_left_makes_room_for_another(
    cluster: Cluster, now: list[float]
) -> None:
    cluster.does(refused())
    await cluster.fail_reads(5)
    now[0] += 1
    cluster.does(asyncio.Event(), 200)
    trial = asyncio.create_task(cluster.read())
    await asyncio.sleep(0)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    assert await cluster.read() == 200


async def test_what_met_no_node_is_repeated_once(cluster: Cluster) -> None:
    for failure in (refused(), 502, 504):
        cluster.does(failure, 200)
        assert await cluster.read() == 200
    assert len(cluster.requests) == 6


async def test_at_most_a_tenth_is_repeated(cluster: Cluster) -> None:
    first_sent = repeated = 0
    for _ in range(1_000):
        cluster.does(refused(), 200)
        first_sent += 1
        try:
            assert await cluster.read() == 200
            repeated += 1
        except TransportConnectionError:
            # An answer in between keeps the breaker closed.
            cluster.does(200)
            first_sent += 1
            assert await cluster.read() == 200
    assert len(cluster.requests) == first_sent + repeated
    assert 0.1 * first_sent - 1 <= repeated <= 0.1 * first_sent + 10


async def test_the_client_that_connect_makes_is_guarded() -> None:
    client = connect(ElasticsearchSettings(urls=("http://127.0.0.1:1",)))
    assert isinstance(client, AsyncElasticsearch)
    try:
        for expected in ("cannot be reached",) * 5 + ("left alone",):
            with pytest.raises(IndexUnavailableError, match=expected), explained_errors():
                await client.search(index="articles")
    finally:
        await client.close()
