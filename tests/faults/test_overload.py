"""Faults 9 and 11: far more streams than a server can serve, at once and for long.

The server, its Elasticsearch and the callers are processes of their own. What limits the server is the pace of its
summarizer, not the CPU that it shares with them.
"""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from gistwire_server.config import LimitsConfig
from gistwire_server.overload.config import OverloadConfig

from benchmarks.load.figures import COMPLETED
from benchmarks.load.searches import REFUSED, STEPPED_DOWN, Load, LoadReport, percentile
from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.conftest import LONG
from tests.faults.paced_server import Pace

_ROOT = Path(__file__).parents[2]

_TOP_K = 4
_SLOTS = 32
_SUMMARY_S = 0.8

# Whole searches that the summarizer has time for in a second.
_CAPACITY_PER_S = _SLOTS / _SUMMARY_S / _TOP_K

_STREAMS = 10_000 if LONG else 1_500
_STREAMS_PER_S = 5 * _CAPACITY_PER_S
_CONNECTIONS = 100

_OVERLOAD_S = 600 if LONG else 20
_RECOVERY_S = 30.0
_RETRY_SHARE = 0.1

_OVERLOADED = f"{REFUSED}OVERLOADED"


@asynccontextmanager
async def _paced_server(server: ElasticsearchServer, folder: Path) -> AsyncGenerator[str, None]:
    """Runs a server with a known capacity while the block runs; returns where."""
    pace = Pace(
        url=server.url,
        data_dir=str(folder),
        slots=_SLOTS,
        summary_s=_SUMMARY_S,
        articles=_TOP_K,
        # In searches of ten articles: these have four, and cost 0.4 each.
        limits=LimitsConfig(concurrent_searches=4, waiting_searches=64),
        overload=OverloadConfig(max_wait_s=0.2, min_concurrent_searches=2, latency_tolerance=1.2),
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.paced_server", msgspec.json.encode(pace).decode()),
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        async with asyncio.timeout(60):
            target = (await process.stdout.readline()).decode().strip()
        yield target
        process.stdin.close()
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class _Outcome:
    """What became of a load, as it is judged here.

    Attributes:
        completed_s: how long each search took that was completed.
        degraded: how many of these were stepped down.
        refused_s: how long each refusal took.
        without_retry_info: refusals that did not say when to come back.
        failed: other endings, by outcome.
        retried: searches that were made again.
        took_s: from the first beginning to the last end.
        lateness_s: by how much a search began later than it was to, at worst.
    """

    def __init__(self, report: LoadReport) -> None:
        refused = [each for each in report.searches if each.outcome == _OVERLOADED]
        outcomes = Counter(each.outcome for each in report.searches)
        self.completed_s = [each.ended_s for each in report.searches if each.outcome in COMPLETED]
        self.degraded = outcomes[STEPPED_DOWN]
        self.refused_s = [each.ended_s for each in refused]
        self.without_retry_info = sum(each.retry_after_s is None for each in refused)
        self.failed = {
            name: number for name, number in outcomes.items() if name not in (*COMPLETED, _OVERLOADED)
        }
        self.retried = sum(each.is_repetition for each in report.searches)
        self.took_s = report.took_s
        self.lateness_s = report.lateness_s


async def _under(load: Load) -> _Outcome:
    """What becomes of a load, which a process of its own makes."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load.generator"),
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        output, _ = await process.communicate(msgspec.json.encode(load) + b"\nbegin\n")
        assert process.returncode == 0
        ready, report = output.splitlines()
        assert ready == b"ready"
        return _Outcome(msgspec.json.decode(report, type=LoadReport))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _load(
    target: str, *, rate_per_s: float, seconds: float, connections: int = 4, retry_share: float = 0.0
) -> Load:
    return Load(
        target=target,
        queries=["harbour strike"],
        rate_per_s=rate_per_s,
        spacing="evenly",
        seconds=seconds,
        connections=connections,
        top_k=_TOP_K,
        # The articles are much alike.
        collapse=False,
        timeout_s=10.0,
        retry_share=retry_share,
    )


async def test_thousands_of_streams_over_a_hundred_connections(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with _paced_server(elasticsearch_server, tmp_path) as target:
        # The first searches of a process are slower than all others.
        await _under(_load(target, rate_per_s=_CAPACITY_PER_S / 2, seconds=3))
        baseline = await _under(_load(target, rate_per_s=_CAPACITY_PER_S / 2, seconds=10))
        flood = _load(
            target,
            rate_per_s=_STREAMS_PER_S,
            seconds=_STREAMS / _STREAMS_PER_S,
            connections=_CONNECTIONS,
        )
        report = await _under(flood)
    baseline_s = percentile(baseline.completed_s, 0.99)
    admitted_s = percentile(report.completed_s, 0.99)
    refused_s = percentile(report.refused_s, 0.99)
    report_figure(
        f"fault 9: {_STREAMS:,} streams over {_CONNECTIONS} connections in {report.took_s:.0f} s: "
        f"{len(report.completed_s):,} completed ({report.degraded:,} with less), p99 {admitted_s:.2f} s "
        f"(baseline {baseline_s:.2f} s); {len(report.refused_s):,} refused, p50 "
        f"{percentile(report.refused_s, 0.5) * 1e3:.0f} ms, p99 {refused_s * 1e3:.0f} ms; "
        f"others {report.failed}, worst lateness of the caller {report.lateness_s * 1e3:.0f} ms"
    )
    assert not report.failed
    assert len(report.completed_s) + len(report.refused_s) == _STREAMS
    assert report.without_retry_info == 0
    assert admitted_s <= 2 * baseline_s
    # 50 ms is what must hold; of a few hundred refusals the slowest few tell of the machine, too.
    assert percentile(report.refused_s, 0.95) <= 0.05
    assert refused_s <= 0.1


async def test_twice_the_capacity_for_long(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    async with _paced_server(elasticsearch_server, tmp_path) as target:
        await _under(_load(target, rate_per_s=_CAPACITY_PER_S / 2, seconds=3))
        calm = await _under(_load(target, rate_per_s=_CAPACITY_PER_S / 2, seconds=10))
        report = await _under(
            _load(target, rate_per_s=2 * _CAPACITY_PER_S, seconds=_OVERLOAD_S, retry_share=_RETRY_SHARE)
        )
        recovered_s = 0.0
        while True:
            after = await _under(_load(target, rate_per_s=_CAPACITY_PER_S / 2, seconds=3))
            recovered_s += after.took_s
            if not after.degraded and not after.refused_s and not after.failed:
                break
            assert recovered_s <= _RECOVERY_S
    goodput_per_s = len(report.completed_s) / report.took_s
    searches = round(2 * _CAPACITY_PER_S * _OVERLOAD_S)
    retried = report.retried / searches
    report_figure(
        f"fault 11: {2 * _CAPACITY_PER_S:.0f} searches/s for {_OVERLOAD_S} s on a server "
        f"for {_CAPACITY_PER_S:.0f}/s: "
        f"goodput {goodput_per_s:.1f}/s ({goodput_per_s / _CAPACITY_PER_S:.0%} of the capacity, "
        f"{report.degraded / max(1, len(report.completed_s)):.0%} of it with less), p99 "
        f"{percentile(report.completed_s, 0.99):.2f} s (calm {percentile(calm.completed_s, 0.99):.2f} s), "
        f"{len(report.refused_s)} refused, {retried:.1%} made again, others {report.failed}; "
        f"as before {recovered_s:.1f} s after it"
    )
    assert calm.degraded <= 0.05 * len(calm.completed_s)
    assert not report.failed
    assert goodput_per_s >= 0.9 * _CAPACITY_PER_S
    assert retried <= _RETRY_SHARE
    assert recovered_s <= _RECOVERY_S
