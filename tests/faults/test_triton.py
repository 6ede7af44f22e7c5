"""Faults 2 to 5 with models on Triton: killed, frozen, readers that leave; and what a search does without it."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import article_pb2, events_pb2, search_pb2, search_pb2_grpc, specs_pb2
from gistwire_client.client import GistwireClient
from gistwire_models.circuit_breaker import BreakerState
from gistwire_models.triton import TritonEncoder, TritonSettings, TritonSummarizer
from gistwire_server.app import running_server
from gistwire_server.config import CacheConfig, ServerConfig, SummaryConfig, TritonConfig

from tests.backends.triton import TritonServer, copied_repository, new_triton
from tests.faults.conftest import LONG
from tests.models.summarizer_contract import make_request

_HITS = 8
_CANCELLED_CALLS = 10_000 if LONG else 1_000


@dataclass(frozen=True, slots=True)
class TritonDeployment:
    """A Gistwire server whose models are on Triton.

    Attributes:
        searching: the stub of its SearchService.
        encoder: its encoder.
    """

    searching: "search_pb2_grpc.SearchServiceAsyncStub"
    encoder: TritonEncoder


@dataclass(slots=True)
class Outcome:
    """What a search has sent.

    Attributes:
        events: kinds of all events, in order.
        delta_hits: hit of each piece of a draft, in order.
        endings: hits that ended in a summary, in order.
        origins: how many summaries came from where.
        degraded: how many reasons were given, by their names.
        took_s: seconds to the end.
    """

    events: list[str]
    delta_hits: list[str]
    endings: list[str]
    origins: Counter[str]
    degraded: Counter[str]
    took_s: float = 0.0


@pytest.fixture
def breakable_triton() -> Iterator[TritonServer]:
    """A server of the test's own, to kill."""
    server = new_triton()
    try:
        server.start()
        yield server
    finally:
        server.close()


@asynccontextmanager
async def deployed(triton: TritonServer, folder: Path) -> AsyncGenerator[TritonDeployment, None]:
    """Runs a Gistwire server on Triton, with a few articles, while the block runs."""
    config = ServerConfig(
        data_dir=folder,
        listen="unix",
        models="triton",
        triton=TritonConfig(endpoints=(triton.target,)),
        summary=SummaryConfig(concurrency=_HITS),
        # The same query again is to need the encoder again.
        cache=CacheConfig(embeddings=0, answers_bytes=0),
    )
    async with (
        running_server(config) as running,
        GistwireClient(running.target) as client,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        async for _ in client.ingest(_article(number) for number in range(_HITS)):
            pass
        encoder = running.engines.encoder
        assert isinstance(encoder, TritonEncoder)
        yield TritonDeployment(search_pb2_grpc.SearchServiceStub(channel), encoder)


def _article(number: int) -> article_pb2.Article:
    place = ("Ellery", "Marlow", "Tarn", "Kestrel", "Oster", "Pell", "Quill", "Rowan")[number]
    body = (
        f"Dock workers in {place} began a strike on Monday after talks over night shifts broke down. "
        f"The port authority said {number + 12} ships were waiting outside the harbour of {place}. "
        "Shop owners fear that fresh fruit will be scarce by the weekend. "
        f"The mayor of {place} has called both sides to her office for Thursday morning. "
        "Ferries to the islands run as planned, although with fewer crossings in the evening."
    )
    return article_pb2.Article(
        id=f"a{number}", headline=f"Harbour strike halts ships in {place}", body=body, language="en"
    )


def _request(query: str = "harbour strike") -> search_pb2.StreamSearchRequest:
    return search_pb2.StreamSearchRequest(
        query=query,
        top_k=_HITS,
        rank=specs_pb2.RankSpec(collapse=False),
        summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.BEST, candidates=8),
    )


async def _watch(
    stream: AsyncIterator[search_pb2.StreamSearchResponse],
    *,
    at_first_delta: Callable[[], object] | None = None,
) -> Outcome:
    begin = time.monotonic()
    outcome = Outcome([], [], [], Counter(), Counter())
    async for event in stream:
        kind = event.WhichOneof("event") or ""
        outcome.events.append(kind)
        match kind:
            case "summary_delta":
                outcome.delta_hits.append(event.summary_delta.hit_id)
                if at_first_delta is not None and len(outcome.delta_hits) == 1:
                    await asyncio.to_thread(at_first_delta)
            case "summary":
                outcome.endings.append(event.summary.hit_id)
                outcome.origins[events_pb2.Summary.Origin.Name(event.summary.origin)] += 1
            case "degraded":
                outcome.degraded[events_pb2.Degraded.Reason.Name(event.degraded.reason)] += 1
    outcome.took_s = time.monotonic() - begin
    return outcome


async def test_killed_mid_generation_the_rest_get_extracts_and_it_is_found_again(
    breakable_triton: TritonServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with deployed(breakable_triton, tmp_path) as deployment:
        stream = deployment.searching.StreamSearch(_request(), timeout=20)
        hit = await _watch(aiter(stream), at_first_delta=breakable_triton.kill)
        assert len(hit.endings) == _HITS
        assert hit.degraded["BACKEND_DOWN"] > 0
        assert hit.events[-1] == "completed"

        # Down: searches end well, by words and with extracts.
        slowest_s = 0.0
        for _ in range(6):
            down = await _watch(aiter(deployment.searching.StreamSearch(_request(), timeout=20)))
            assert len(down.endings) == _HITS
            assert down.degraded["BACKEND_DOWN"] > 0
            slowest_s = max(slowest_s, down.took_s)
        assert deployment.encoder._pool._endpoints is not None
        (endpoint,) = deployment.encoder._pool._endpoints
        assert endpoint.breaker.trial_in_s > 0 or endpoint.breaker.state is BreakerState.HALF_OPEN

        await asyncio.to_thread(breakable_triton.start)
        begin = time.monotonic()
        while (await _search_after(deployment, begin)).degraded:
            assert time.monotonic() - begin < 30
        recovered_s = time.monotonic() - begin
        assert endpoint.breaker.state is BreakerState.CLOSED
        report_figure(
            f"fault 2: Triton killed mid-generation: all {_HITS} hits ended after {hit.took_s:.2f} s, "
            f"{hit.degraded['BACKEND_DOWN']} degraded; while down a search takes at most {slowest_s * 1e3:.0f} ms; "
            f"whole again {recovered_s:.2f} s after it was back"
        )


async def _search_after(deployment: TritonDeployment, begin: float) -> Outcome:
    # Another query each time, as candidates for this one must be written anew.
    return await _watch(
        aiter(deployment.searching.StreamSearch(_request(f"harbour strike {time.monotonic() - begin:.6f}")))
    )


async def test_frozen_it_costs_no_more_than_the_deadline(
    breakable_triton: TritonServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with deployed(breakable_triton, tmp_path) as deployment:
        tasks = len(asyncio.all_tasks())
        await asyncio.to_thread(breakable_triton.freeze)
        try:
            outcome = await _watch(aiter(deployment.searching.StreamSearch(_request(), timeout=1.0)))
            assert outcome.took_s <= 1.2
            assert outcome.events[-1] == "completed"
            assert len(outcome.endings) == _HITS
            assert outcome.degraded
        finally:
            await asyncio.to_thread(breakable_triton.thaw)
        begin = time.monotonic()
        while len(asyncio.all_tasks()) > tasks:
            assert time.monotonic() - begin < 30
            await asyncio.sleep(0.01)
        while (await _search_after(deployment, begin)).degraded:
            assert time.monotonic() - begin < 30
        report_figure(
            f"fault 3: Triton frozen: a search of 1 s ended after {outcome.took_s:.2f} s with {_HITS} extracts; "
            f"whole again {time.monotonic() - begin:.2f} s after the thaw"
        )


async def test_frozen_in_the_middle_of_a_stream_the_deadline_still_holds(
    breakable_triton: TritonServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with deployed(breakable_triton, tmp_path) as deployment:
        try:
            stream = deployment.searching.StreamSearch(_request(), timeout=2.0)
            outcome = await _watch(aiter(stream), at_first_delta=breakable_triton.freeze)
        finally:
            await asyncio.to_thread(breakable_triton.thaw)
        assert outcome.took_s <= 2.2
        assert outcome.events[-1] == "completed"
        assert len(outcome.endings) == _HITS
        report_figure(
            f"fault 3: Triton frozen mid-stream: a search of 2 s ended after {outcome.took_s:.2f} s"
        )


async def test_a_reader_who_leaves_stops_the_work(
    breakable_triton: TritonServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with deployed(breakable_triton, tmp_path) as deployment:
        for _ in range(8):
            stream = deployment.searching.StreamSearch(_request(), timeout=20)
            async for event in stream:
                if event.HasField("summary_delta"):
                    stream.cancel()
                    break
        engine = deployment.encoder.model
        summarizer = TritonSummarizer(
            TritonSettings(endpoints=(breakable_triton.target,)), initial=engine, languages=("en",)
        )
        # Sixty-four articles with eight candidates each would keep it waiting for seconds.
        begin = time.monotonic()
        async for _ in summarizer.summarize(make_request()):
            pass
        idle_s = time.monotonic() - begin
        await summarizer.close()
        assert idle_s <= 1
        report_figure(
            f"fault 4: 8 searches cancelled: Triton was free for another article after {idle_s:.2f} s"
        )


async def test_thousands_of_cancelled_calls_leave_nothing_behind(
    breakable_triton: TritonServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with deployed(breakable_triton, tmp_path) as deployment:

        async def leave_after(delay_s: float) -> None:
            stream = deployment.searching.StreamSearch(_request(), timeout=20)
            await asyncio.sleep(delay_s)
            stream.cancel()

        async def leave_often(count: int) -> None:
            # A millisecond apart, and each after another time, so that they leave at every stage of a search.
            async with asyncio.TaskGroup() as calls:
                for number in range(count):
                    calls.create_task(leave_after(number % 50 / 1000))
                    await asyncio.sleep(0.001)

        await leave_often(200)
        tasks, memory_kib = len(asyncio.all_tasks()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.monotonic()
        await leave_often(_CANCELLED_CALLS)
        took_s = time.monotonic() - begin
        while (left := len(asyncio.all_tasks())) > tasks:
            assert time.monotonic() - begin < took_s + 10
            await asyncio.sleep(0.05)
        grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kib) / 1024
        after = await _watch(aiter(deployment.searching.StreamSearch(_request(), timeout=20)))
        assert len(after.endings) == _HITS
        assert not after.degraded, breakable_triton.log()[-3000:]
        assert grown_mib <= 40
        report_figure(
            f"fault 5: {_CANCELLED_CALLS:,} calls, 1 ms apart, cancelled at every stage, in {took_s:.1f} s: "
            f"{left - tasks:+d} tasks, {grown_mib:+.1f} MiB at the peak; "
            f"the next search whole after {after.took_s:.2f} s"
        )


async def test_drafts_of_eight_hits_interleave_in_one_stream(
    tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    with copied_repository("encoder", "summarizer") as repository:
        config = repository / "summarizer" / "config.pbtxt"
        batching = config.read_text().replace(
            'key: "max_batch" value: { string_value: "0" }',
            f'key: "max_batch" value: {{ string_value: "{_HITS}" }}',
        )
        batching = batching.replace(
            'key: "threads" value: { string_value: "0" }', 'key: "threads" value: { string_value: "1" }'
        )
        assert batching.count(f'"{_HITS}"') == 1
        config.write_text(batching)
        triton = new_triton(repository)
        try:
            triton.start()
            async with deployed(triton, tmp_path) as deployment:
                outcome = await _watch(aiter(deployment.searching.StreamSearch(_request(), timeout=30)))
        finally:
            triton.close()
    switches = sum(
        one != other for one, other in zip(outcome.delta_hits, outcome.delta_hits[1:], strict=False)
    )
    first = [outcome.delta_hits.index(hit) for hit in set(outcome.delta_hits)]
    last = [
        len(outcome.delta_hits) - 1 - outcome.delta_hits[::-1].index(hit) for hit in set(outcome.delta_hits)
    ]
    at_once = max(
        sum(begin <= place <= end for begin, end in zip(first, last, strict=True)) for place in first
    )
    assert len(set(outcome.delta_hits)) == _HITS
    # One after the other, as a single thread would write them without batches, there were seven changes.
    assert switches >= _HITS
    assert at_once > 1
    report_figure(
        f"drafts of {len(set(outcome.delta_hits))} hits in one stream, {at_once} under way at once: "
        f"{len(outcome.delta_hits)} pieces, {switches} changes from hit to hit"
    )
