"""Fault 10: readers that take one kilobyte a second: little is held for them, and others do not wait for them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

import grpc
from gistwire.v1 import article_pb2, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client.client import GistwireClient

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.tcp_relay import TcpRelay
from tests.faults.watched_server import WatchedServer, watched_server

_READERS = 3
_HITS = 100
_BYTES_PER_S = 1_000
_MAX_HELD_BYTES = 64 * 1024
_SEARCHES = 9
_WITHIN_S = 60.0
_LOOK_INTERVAL_S = 1.0


async def test_little_is_held_for_slow_readers_and_others_do_not_wait(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    elasticsearch = {"urls": [elasticsearch_server.url], "prefix": f"slow-{uuid4().hex[:8]}"}
    async with (
        watched_server(
            tmp_path, index="elasticsearch", elasticsearch=elasticsearch, summarizer="extracting"
        ) as server,
        GistwireClient(server.target) as client,
        TcpRelay.running(server.target, bytes_per_s=_BYTES_PER_S) as relay,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        async for _ in client.ingest(_article(number) for number in range(_HITS)):
            pass
        searching = search_pb2_grpc.SearchServiceStub(channel)
        # The summaries are stored now, so that all later searches are alike.
        stream_bytes = await _stream_bytes(searching)
        before_s = await _median_search_s(searching)
        before_bytes = (await server.state()).handed_over_bytes
        async with AsyncExitStack() as readers:
            for _ in range(_READERS):
                await readers.enter_async_context(_slow_reader(relay.target))
            async with asyncio.timeout(_WITHIN_S):
                handed_over, waiting_bytes = await _standing_still(server)
            received = sum(relay.received_bytes.values())
            in_kernel = _unsent_bytes(server.target)
            beside_s = await _median_search_s(searching)
    in_grpc = (handed_over - before_bytes - received - in_kernel) / _READERS
    held_bytes = in_grpc + max(waiting_bytes)
    report_figure(
        f"fault 10: {_READERS} readers of 1 KB/s of a stream of {stream_bytes / 1e3:.0f} KB: "
        f"{held_bytes / 1024:.0f} KiB held for each ({max(waiting_bytes) / 1024:.1f} of them in its queue), and "
        f"{in_kernel / _READERS / 1024:.0f} KiB by the kernel; "
        f"other searches take {beside_s * 1e3:.0f} ms beside them, {before_s * 1e3:.0f} ms before"
    )
    assert held_bytes <= _MAX_HELD_BYTES
    assert beside_s <= 2 * before_s


def _unsent_bytes(target: str) -> int:
    """What the kernel holds of what a server has sent, over all connections."""
    port = int(target.rpartition(":")[2])
    unsent = 0
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                unsent += int(fields[4].partition(":")[0], 16)
    return unsent


async def _standing_still(server: WatchedServer) -> tuple[int, list[int]]:
    """Waits until no search goes on, though none is at its end.

    Returns:
        What was handed to gRPC since the server began, and what waits behind it for each reader, in bytes.
    """
    held: tuple[int, list[int]] = 0, []
    while True:
        # The server does nothing else while it looks at itself.
        await asyncio.sleep(_LOOK_INTERVAL_S)
        state = await server.state()
        earlier, held = held, (state.handed_over_bytes, sorted(state.waiting_bytes))
        if held == earlier and len(state.sent_events) == _READERS and len(held[1]) == _READERS and held[1][0]:
            return held


@asynccontextmanager
async def _slow_reader(target: str) -> AsyncIterator[None]:
    """Reads a search over a connection of its own while the block runs."""
    # A reader's window grows with what it takes at first; here it stays at the 64 KiB it begins with.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        stream = search_pb2_grpc.SearchServiceStub(channel).StreamSearch(_request(), timeout=_WITHIN_S)
        assert (await anext(aiter(stream))).HasField("started")
        yield
        stream.cancel()


def _request() -> search_pb2.StreamSearchRequest:
    return search_pb2.StreamSearchRequest(
        query="harbour strike",
        top_k=_HITS,
        rank=specs_pb2.RankSpec(collapse=False),
        summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.BEST, candidates=8),
    )


async def _stream_bytes(searching: "search_pb2_grpc.SearchServiceAsyncStub") -> int:
    """Searches; returns the size of all events."""
    return sum([event.ByteSize() async for event in searching.StreamSearch(_request(), timeout=_WITHIN_S)])


async def _median_search_s(searching: "search_pb2_grpc.SearchServiceAsyncStub") -> float:
    """Searches several times; returns what one takes, in seconds."""
    request = search_pb2.StreamSearchRequest(
        query="harbour strike", summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.STORED)
    )
    times_s = []
    for _ in range(_SEARCHES):
        begin = time.monotonic()
        async for _event in searching.StreamSearch(request, timeout=_WITHIN_S):
            pass
        times_s.append(time.monotonic() - begin)
    return median(times_s)


def _article(number: int) -> article_pb2.Article:
    body = " ".join(
        f"Dock workers of pier {number}{place} began a strike on Monday after talks over shifts broke down, and "
        f"the port authority said that {number + place} ships were waiting outside the harbour of Ellery."
        for place in range(12)
    )
    return article_pb2.Article(
        id=f"a{number}", headline=f"Harbour strike halts ships at pier {number}", body=body, language="en"
    )
