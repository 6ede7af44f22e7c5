"""Rounds of short measurements, each of the server beside what lies under it: `open_rounds`."""

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
from gistwire.v1 import search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client import GistwireClient
from gistwire_client.source_articles import to_message
from gistwire_indexer.preprocessing import preprocess

from benchmarks.guard.corpus import (
    WARM_SOURCE,
    cold_source,
    indexed_articles,
    make_index,
    new_articles,
)
from benchmarks.guard.floor_process import FloorWork
from benchmarks.guard.floors import FloorProcess
from benchmarks.load.bare_streams import METHOD
from benchmarks.load.distinct import make_distinct
from benchmarks.load.processes import ServerProcess, free_address, running_server_process
from benchmarks.machine import GISTWIRE
from benchmarks.startup import with_bytecode

ROUNDS = 12
"""Rounds of a ratio at first, and again in a repetition."""

_TOP_K = 10
_ROUNDS_AT_MOST = 1_000
_HIT_SEARCHES = 20
_WARM_SEARCHES = 12
_WARM_QUERIES = 6
_TOLD_AGAIN = 60
_BARE_STREAMS = 60
_BARE_MESSAGES = 11
_BARE_BYTES = 17_000 // _BARE_MESSAGES
_INGESTED = 20
_INGEST_TENANT = "ingested"

_ONE_SUMMARY = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.BEST, candidates=1)
_NO_SUMMARY = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.NONE)

Round = Callable[[int], Awaitable[dict[str, float]]]
"""Measures a round of a number that was not used before; returns ratios by their names."""


class GuardMeasurementError(Exception):
    """A search did not come to what is to be measured."""


@asynccontextmanager
async def open_rounds() -> AsyncIterator[Mapping[str, Round]]:
    """Starts the server, the bare streams and the process of the floors, while the block runs.

    Yields:
        for the name of each ratio the round that measures it; those that are measured together have the same one.

    Raises:
        RuntimeError: a process did not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gistwire-guard-")))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            process.submit(make_index, folder / "floor").result()
        shutil.copytree(folder / "floor", folder / "served")
        configuration = f'tenants = ["{_INGEST_TENANT}"]\n'
        (folder / "gistwire.toml").write_text(configuration, encoding="utf-8")
        address, bare_address = free_address(), free_address()
        host, _, port = address.partition(":")
        serve = [
            GISTWIRE,
            *("serve", "--config", str(folder / "gistwire.toml"), "--data-dir", str(folder / "served")),
            *("--host", host, "--port", port),
        ]
        stream = [sys.executable, "-m", "benchmarks.load.bare_streams", bare_address]
        stream += [str(_BARE_BYTES)] * _BARE_MESSAGES
        server = stack.enter_context(running_server_process(serve, address, log=folder / "server.log"))
        bare = stack.enter_context(running_server_process(stream, bare_address, log=folder / "bare.log"))
        floors = stack.enter_context(FloorProcess(folder / "floor"))
        async with (
            grpc.aio.insecure_channel(address) as channel,
            grpc.aio.insecure_channel(bare_address) as bare_channel,
            GistwireClient(address, tenant=_INGEST_TENANT) as ingest_client,
        ):
            rounds = _Rounds(
                server=server,
                bare=bare,
                floors=floors,
                channel=channel,
                bare_channel=bare_channel,
                ingest_client=ingest_client,
                bytecode=folder / "bytecode",
            )
            await rounds.warm_up()
            yield MappingProxyType(
                {
                    "first hit": rounds.first_hit,
                    "first hit, CPU": rounds.first_hit,
                    "cold search, CPU": rounds.cold_search,
                    "warm search, CPU": rounds.warm_search,
                    "search told again, CPU": rounds.told_again,
                    "ingest, CPU": rounds.ingest,
                    "imports, CPU": rounds.imports,
                }
            )


class _Rounds:
    """The measurements of a round, each of the server and of its floor in turn."""

    def __init__(
        self,
        *,
        server: ServerProcess,
        bare: ServerProcess,
        floors: FloorProcess,
        channel: grpc.aio.Channel,
        bare_channel: grpc.aio.Channel,
        ingest_client: GistwireClient,
        bytecode: Path,
    ) -> None:
        self._server = server
        self._bytecode = bytecode
        self._bare = bare
        self._floors = floors
        self._stub = search_pb2_grpc.SearchServiceStub(channel)
        self._bare_channel = bare_channel
        self._ingest_client = ingest_client
        self._articles = [preprocess(each) for each in indexed_articles()]
        warm = [each.headline for each in self._articles if each.source == WARM_SOURCE]
        self._warm_queries = warm[:_WARM_QUERIES]
        self._requests = 0

    async def warm_up(self) -> None:
        """Lets each way be gone once, and has the summaries of warm searches written and its sentences known."""
        for query in self._warm_queries * 2:
            await self._search(self._request(query, _ONE_SUMMARY, WARM_SOURCE))
        await self.first_hit(-1)
        await self.warm_search(-1)
        await self.ingest(-1)
        await self.imports(-1)
        first = self._articles[0]
        self._floors.measure(FloorWork(summarized=[(first.headline, first.body)]))

    async def first_hit(self, number: int) -> dict[str, float]:
        """Hits alone, cold, beside embedding and retrieval of the query and the first message of a bare stream."""
        hits_s, floors_s, echoes_s = [], [], []
        hits_cpu_s = floors_cpu_s = 0.0
        bare_began = self._bare.cpu_s()
        for query in [each.headline for each in new_articles(number, _HIT_SEARCHES)]:
            began_cpu = self._server.cpu_s()
            hits_s.append(await self._search(self._request(query, _NO_SUMMARY)))
            hits_cpu_s += self._server.cpu_s() - began_cpu
            echoes_s.append(await self._bare_stream())
            floor = self._floors.measure(FloorWork(queries=[query]))
            floors_s += floor.queries_s
            floors_cpu_s += floor.queries_cpu_s
        floors_cpu_s += self._bare.cpu_s() - bare_began
        return {
            "first hit": statistics.median(hits_s)
            / (statistics.median(floors_s) + statistics.median(echoes_s)),
            "first hit, CPU": hits_cpu_s / floors_cpu_s,
        }

    async def cold_search(self, number: int) -> dict[str, float]:
        """A search whose ten hits have no summaries yet, beside writing these in a batch."""
        articles = [each for each in self._articles if each.source == cold_source(number)]
        request = self._request(articles[0].headline, _ONE_SUMMARY, cold_source(number))
        began_cpu = self._server.cpu_s()
        await self._search(request)
        search_cpu_s = self._server.cpu_s() - began_cpu
        floor = self._floors.measure(FloorWork(summarized=[(each.headline, each.body) for each in articles]))
        return {"cold search, CPU": search_cpu_s / floor.summarized_cpu_s}

    async def warm_search(self, _number: int) -> dict[str, float]:
        """Searches that were made before, beside bare streams of eleven messages."""
        began_cpu = self._server.cpu_s()
        for place in range(_WARM_SEARCHES):
            query = self._warm_queries[place % _WARM_QUERIES]
            await self._search(self._request(query, _ONE_SUMMARY, WARM_SOURCE))
        search_cpu_s = (self._server.cpu_s() - began_cpu) / _WARM_SEARCHES
        return {"warm search, CPU": search_cpu_s / await self._bare_cpu_s()}

    async def told_again(self, _number: int) -> dict[str, float]:
        """Searches whose whole answers are kept, beside bare streams of eleven messages."""
        requests = [self._request(query, _ONE_SUMMARY, WARM_SOURCE) for query in self._warm_queries]
        for request in requests:
            await self._search(request)
        began_cpu = self._server.cpu_s()
        for place in range(_TOLD_AGAIN):
            await self._search(requests[place % _WARM_QUERIES])
        search_cpu_s = (self._server.cpu_s() - began_cpu) / _TOLD_AGAIN
        return {"search told again, CPU": search_cpu_s / await self._bare_cpu_s()}

    async def ingest(self, number: int) -> dict[str, float]:
        """Ingest of new articles, beside embedding them."""
        # Others than those whose headlines the round searches for.
        raw = new_articles(_ROUNDS_AT_MOST + number, _INGESTED)
        texts = [preprocess(each).text for each in raw]
        messages = [to_message(each) for each in raw]
        began_cpu = self._server.cpu_s()
        async for _ in self._ingest_client.ingest(messages):
            pass
        ingest_cpu_s = self._server.cpu_s() - began_cpu
        return {"ingest, CPU": ingest_cpu_s / self._floors.measure(FloorWork(encoded=texts)).encoded_cpu_s}

    async def imports(self, _number: int) -> dict[str, float]:
        """What a server imports for a search, beside numpy and gRPC."""
        base_s = _process_cpu_s("import numpy, grpc.aio", self._bytecode)
        search = "import gistwire_server.app, gistwire_server.services.search"
        return {"imports, CPU": _process_cpu_s(search, self._bytecode) / base_s}

    def _request(
        self, query: str, summary: specs_pb2.SummarySpec, source: str | None = None
    ) -> search_pb2.StreamSearchRequest:
        """A search of the articles of a source, or of all, whose answer is not kept: none was the same."""
        request = search_pb2.StreamSearchRequest(query=query, top_k=_TOP_K, summary=summary)
        if source is not None:
            request.filter = f'source = "{source}"'
        self._requests += 1
        make_distinct(request.rank, self._requests)
        return request

    async def _search(self, request: search_pb2.StreamSearchRequest) -> float:
        """Searches; returns the seconds to the hits."""
        began = time.perf_counter()
        hits_s: float | None = None
        async for response in self._stub.StreamSearch(request):
            kind = response.WhichOneof("event")
            if kind == "hits":
                hits_s = time.perf_counter() - began
                if len(response.hits.hits) != _TOP_K:
                    raise GuardMeasurementError(f"a search has {len(response.hits.hits)} hits, not {_TOP_K}")
            elif kind == "degraded":
                raise GuardMeasurementError(f"a search was completed with less: {response.degraded}")
        if hits_s is None:
            raise GuardMeasurementError("a search has no hits")
        return hits_s

    async def _bare_cpu_s(self) -> float:
        """CPU-seconds of a bare stream."""
        began_cpu = self._bare.cpu_s()
        for _ in range(_BARE_STREAMS):
            await self._bare_stream()
        return (self._bare.cpu_s() - began_cpu) / _BARE_STREAMS

    async def _bare_stream(self) -> float:
        """Reads a bare stream; returns the seconds to its first message."""
        call: Any = self._bare_channel.unary_stream(METHOD)
        began = time.perf_counter()
        first_s: float | None = None
        async for _ in call(b""):
            first_s = first_s or time.perf_counter() - began
        return first_s or 0.0


def _process_cpu_s(program: str, bytecode: Path) -> float:
    """CPU-seconds of an interpreter that runs a program, with bytecode that it keeps in a folder."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, env=with_bytecode(bytecode))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
