"""Fault 3: Elasticsearch or Triton answers five seconds late; streams end in time, and nothing outlives them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import article_pb2, article_pb2_grpc, events_pb2, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client.client import GistwireClient
from gistwire_models.scripted import SummaryScript
from gistwire_server.app import running_server
from gistwire_server.config import CacheConfig, LimitsConfig, ServerConfig, TritonConfig

from tests.backends.elasticsearch import ElasticsearchServer
from tests.backends.triton import TritonServer
from tests.faults.conftest import Deployment, deployed
from tests.faults.tcp_relay import TcpRelay

_HITS = 4
_LATE_S = 5.0
_GRACE_S = 0.2
_RECOVERY_S = 10.0


@asynccontextmanager
async def _over_slow_elasticsearch(
    server: ElasticsearchServer, folder: Path
) -> AsyncGenerator[tuple[Deployment, TcpRelay], None]:
    async with (
        TcpRelay.running(server.url.removeprefix("http://")) as relay,
        deployed(f"http://{relay.target}", folder, limits=LimitsConfig(default_deadline_s=1.0)) as deployment,
    ):
        await _ingest(deployment.client)
        yield deployment, relay


async def _ingest(client: GistwireClient) -> None:
    articles = [
        article_pb2.Article(
            id=f"a{number}",
            headline=f"Harbour strike enters day {number + 2}",
            body="Dock workers began a strike on Monday. Ships wait outside the harbour.",
            language="en",
        )
        for number in range(_HITS)
    ]
    async for _ in client.ingest(articles):
        pass


def _search(
    stub: "search_pb2_grpc.SearchServiceAsyncStub", timeout_s: float
) -> "grpc.aio.UnaryStreamCall[search_pb2.StreamSearchRequest, search_pb2.StreamSearchResponse]":
    # The articles are much alike.
    rank = specs_pb2.RankSpec(collapse=False)
    return stub.StreamSearch(
        search_pb2.StreamSearchRequest(query="harbour strike", rank=rank), timeout=timeout_s
    )


async def _whole_search(stub: "search_pb2_grpc.SearchServiceAsyncStub", timeout_s: float) -> list[str]:
    return [str(event.WhichOneof("event")) async for event in _search(stub, timeout_s)]


async def _failed(call: Awaitable[object]) -> tuple[grpc.StatusCode, float]:
    """The status of a call that fails, and after how many seconds it did."""
    begin = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failed.value.code(), time.monotonic() - begin


async def _until(holds: Callable[[], bool], within_s: float) -> float:
    """Waits until something holds; returns for how many seconds."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < within_s
        await asyncio.sleep(0.01)
    return time.monotonic() - begin


async def test_a_search_on_slow_elasticsearch_ends_in_time_and_leaves_no_request_behind(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with _over_slow_elasticsearch(elasticsearch_server, tmp_path) as (deployment, relay):
        await _whole_search(deployment.searching, 10.0)
        connections, tasks = relay.connections, len(asyncio.all_tasks() - relay.tasks)
        relay.delay_s = _LATE_S
        code, took_s = await _failed(_whole_search(deployment.searching, 1.0))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert took_s <= 1.0 + _GRACE_S
        # The request was on one of the connections, which is closed with it.
        gone_s = await _until(
            lambda: relay.connections < connections and len(asyncio.all_tasks() - relay.tasks) <= tasks, 1.0
        )
        report_figure(
            f"fault 3: Elasticsearch {_LATE_S:.0f} s slow: a search of 1 s ended after {took_s:.2f} s, its "
            f"request {gone_s * 1e3:.0f} ms later"
        )


async def test_a_stream_that_has_its_hits_ends_whole_and_in_time(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with _over_slow_elasticsearch(elasticsearch_server, tmp_path) as (deployment, relay):
        gate = asyncio.Event()
        deployment.summarizer.scripts = {
            f"a{number}": SummaryScript(deltas=[f"Strike, day {number + 2}."], end_gate=gate)
            for number in range(_HITS)
        }
        begin = time.monotonic()
        events: list[str] = []
        async for event in _search(deployment.searching, 2.0):
            events.append(str(event.WhichOneof("event")))
            if event.HasField("summary_delta"):
                # What is written is stored before the stream ends: that is what takes long now.
                relay.delay_s = _LATE_S
                gate.set()
        took_s = time.monotonic() - begin
        assert events[-1] == "completed"
        assert events.count("summary") == _HITS
        assert took_s <= 2.0 + _GRACE_S
        report_figure(
            f"fault 3: Elasticsearch {_LATE_S:.0f} s slow after the hits: a stream of 2 s ended whole after "
            f"{took_s:.2f} s"
        )


async def test_a_call_without_a_deadline_has_one_all_the_same(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path
) -> None:
    async with (
        _over_slow_elasticsearch(elasticsearch_server, tmp_path) as (deployment, relay),
        grpc.aio.insecure_channel(deployment.target) as channel,
    ):
        articles = article_pb2_grpc.ArticleServiceStub(channel)
        relay.delay_s = _LATE_S
        code, took_s = await _failed(articles.GetArticle(article_pb2.GetArticleRequest(id="a0")))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert took_s <= 1.0 + _GRACE_S
        code, took_s = await _failed(articles.DeleteArticle(article_pb2.DeleteArticleRequest(id="a0")))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert took_s <= 1.0 + _GRACE_S


async def test_elasticsearch_that_stays_slow_is_left_alone_until_it_is_well(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with _over_slow_elasticsearch(elasticsearch_server, tmp_path) as (deployment, relay):
        relay.delay_s = _LATE_S
        for _ in range(5):
            code, _ = await _failed(_whole_search(deployment.searching, 1.0))
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        code, refused_s = await _failed(_whole_search(deployment.searching, 1.0))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert refused_s <= 1.0
        relay.delay_s = 0.0
        begin = time.monotonic()
        while True:
            try:
                events = await _whole_search(deployment.searching, 5.0)
                break
            except grpc.aio.AioRpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
            assert time.monotonic() - begin < _RECOVERY_S
            await asyncio.sleep(0.05)
        recovered_s = time.monotonic() - begin
        assert events[-1] == "completed"
        assert recovered_s <= _RECOVERY_S
        report_figure(
            f"fault 3: Elasticsearch stays {_LATE_S:.0f} s slow: after 5 searches UNAVAILABLE within "
            f"{refused_s * 1e3:.0f} ms; searches again {recovered_s:.2f} s after it was well"
        )


async def test_a_search_on_slow_triton_ends_whole_and_in_time(
    triton_server: TritonServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with TcpRelay.running(triton_server.target) as relay:
        triton = TritonConfig(endpoints=(relay.target,))
        # The same query again is to need the encoder again.
        cache = CacheConfig(embeddings=0, answers_bytes=0)
        config = ServerConfig(data_dir=tmp_path, listen="unix", models="triton", triton=triton, cache=cache)
        async with (
            running_server(config) as running,
            GistwireClient(running.target) as client,
            grpc.aio.insecure_channel(running.target) as channel,
        ):
            await _ingest(client)
            searching = search_pb2_grpc.SearchServiceStub(channel)
            assert "completed" in await _whole_search(searching, 30.0)
            relay.delay_s = _LATE_S
            took_s = []
            for _ in range(6):
                begin = time.monotonic()
                reasons = []
                events = []
                async for event in _search(searching, 2.0):
                    events.append(event.WhichOneof("event"))
                    if event.HasField("degraded"):
                        reasons.append(event.degraded.reason)
                took_s.append(time.monotonic() - begin)
                assert events[-1] == "completed"
                assert events.count("summary") == _HITS
                assert set(reasons) <= {events_pb2.Degraded.DEADLINE, events_pb2.Degraded.BACKEND_DOWN}
                assert reasons
            assert max(took_s) <= 2.0 + _GRACE_S
            relay.delay_s = 0.0
            begin = time.monotonic()
            while "degraded" in await _whole_search(searching, 20.0):
                assert time.monotonic() - begin < 2 * _RECOVERY_S
                await asyncio.sleep(0.05)
            report_figure(
                f"fault 3: Triton {_LATE_S:.0f} s slow: searches of 2 s ended whole after at most "
                f"{max(took_s):.2f} s, the last after {took_s[-1]:.2f} s; undegraded again "
                f"{time.monotonic() - begin:.2f} s after it was well"
            )
