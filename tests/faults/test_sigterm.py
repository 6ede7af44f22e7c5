"""Fault 20: SIGTERM to `gistwire serve` under load: health says so, streams finish, new calls go elsewhere."""

import asyncio
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import grpc
from gistwire.v1 import article_pb2, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client.client import GistwireClient
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.backends.elasticsearch import ElasticsearchServer
from tests.client.commands.conftest import COMMAND

_READERS = 4
_HITS = 6
_NOT_SERVING_WITHIN_S = 1.0
_DRAINED_WITHIN_S = 30.0
_STARTED_WITHIN_S = 120.0


async def test_streams_finish_and_new_calls_go_elsewhere(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    config = tmp_path / "gistwire.toml"
    config.write_text(
        f'data_dir = "{tmp_path / "data"}"\nlisten = "127.0.0.1:0"\nindex = "elasticsearch"\n'
        f'[elasticsearch]\nurls = ["{elasticsearch_server.url}"]\nprefix = "term-{uuid4().hex[:8]}"\n'
    )
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "serve", "--config", str(config)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(_STARTED_WITHIN_S):
            announced = None
            while announced is None:
                announced = re.search(rb"127\.0\.0\.1:\d+", await process.stderr.readline())
        logging = asyncio.create_task(process.stderr.read())
        target = announced.group().decode()
        async with (
            GistwireClient(target) as client,
            grpc.aio.insecure_channel(target) as channel,
            grpc.aio.insecure_channel(target) as health_channel,
        ):
            async for _ in client.ingest(_article(number) for number in range(_HITS)):
                pass
            stub = health_pb2_grpc.HealthStub(health_channel)
            statuses = aiter(stub.Watch(health_pb2.HealthCheckRequest()))  # type: ignore[attr-defined]
            assert (await anext(statuses)).status == health_pb2.HealthCheckResponse.SERVING
            searching = search_pb2_grpc.SearchServiceStub(channel)
            began = [asyncio.Event() for _ in range(_READERS)]
            readers = [asyncio.create_task(_read(searching, number, began)) for number in range(_READERS)]
            for event in began:
                await event.wait()

            process.send_signal(signal.SIGTERM)
            begin = time.monotonic()
            async with asyncio.timeout(_DRAINED_WITHIN_S):
                assert (await anext(statuses)).status == health_pb2.HealthCheckResponse.NOT_SERVING
                not_serving_s = time.monotonic() - begin
                refused = await _refusal(target, begin)
                endings = await asyncio.gather(*readers)
                await process.wait()
            drained_s = time.monotonic() - begin
        log = await logging
        assert b"Traceback" not in log, log[-3000:]
        assert process.returncode == 0
        assert not_serving_s <= _NOT_SERVING_WITHIN_S
        assert endings == [(_HITS, "completed")] * _READERS
        assert refused is grpc.StatusCode.UNAVAILABLE
        report_figure(
            f"fault 20: SIGTERM with {_READERS} streams under way: NOT_SERVING after {not_serving_s * 1e3:.0f} ms, "
            f"all {_READERS} streams whole, new calls UNAVAILABLE, ended with 0 after {drained_s:.1f} s"
        )
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _read(
    searching: "search_pb2_grpc.SearchServiceAsyncStub", number: int, began: list[asyncio.Event]
) -> tuple[int, str]:
    """Reads a search; returns how many hits ended in a summary, and what came last."""
    request = search_pb2.StreamSearchRequest(
        query=f"harbour strike {number}", top_k=_HITS, rank=specs_pb2.RankSpec(collapse=False)
    )
    summaries, last = 0, ""
    async for event in searching.StreamSearch(request, timeout=60):
        last = event.WhichOneof("event") or ""
        summaries += last == "summary"
        if last == "hits":
            began[number].set()
    return summaries, last


async def _refusal(target: str, begin: float) -> grpc.StatusCode:
    """The status of a call on a connection of its own; asks until one is refused."""
    while time.monotonic() - begin < _DRAINED_WITHIN_S:
        async with grpc.aio.insecure_channel(
            target, options=[("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            try:
                await search_pb2_grpc.SearchServiceStub(channel).Search(
                    search_pb2.SearchRequest(query="harbour"), timeout=10
                )
            except grpc.aio.AioRpcError as error:
                return error.code()
    raise AssertionError("the server takes calls while it drains")


def _article(number: int) -> article_pb2.Article:
    body = (
        f"Dock workers at pier {number} began a strike on Monday after talks over night shifts broke down. "
        f"The port authority said {number + 12} ships were waiting outside the harbour. "
        "Shop owners fear that fresh fruit will be scarce by the weekend."
    )
    return article_pb2.Article(
        id=f"a{number}", headline=f"Harbour strike halts ships at pier {number}", body=body, language="en"
    )
