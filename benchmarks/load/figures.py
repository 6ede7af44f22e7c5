"""The figures of loads, as they are kept in JSON: `LoadFigures`, and `run_figures`, which makes them of a report."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from benchmarks.load.processes import Usage
from benchmarks.load.searches import (
    DEGRADED,
    FULL,
    REFUSED,
    STEPPED_DOWN,
    Load,
    LoadReport,
    SearchRecord,
    percentile,
)

LoadKind = Literal["hits", "cold", "half", "warm", "again"]
"""Hits without summaries; every summary is written; half of them are stored; nearly all are; and the same searches
again, whose whole answers the server has kept."""

COMPLETED = (FULL, STEPPED_DOWN, DEGRADED)
"""Outcomes of searches that came to their end."""


class Percentiles(msgspec.Struct, frozen=True):
    """Percentiles of times, in milliseconds."""

    p50: float
    p95: float
    p99: float


class RunFigures(msgspec.Struct, kw_only=True):
    """What one load came to. Times are those of full searches, from sending the request.

    Attributes:
        kind: how much of it was stored beforehand.
        streams: searches that were under way at any time; None for an open loop.
        rate_per_s: searches that began in a second on average; None for a closed loop.
        took_s: how long it lasted.
        outcomes: number of searches by outcome.
        first_hit_ms: time to the hits; None if no search was full.
        first_token_ms: time from the hits to the first text of a summary.
        final_ms: time to the final ranking.
        stepped_down_final_ms: that of searches that were stepped down; None if none was.
        refused_ms: how long refusals took; None if there was none.
        stored_share: share of the hits of completed searches that had a stored summary when the load began.
        repeated: completed searches for what had been searched for in this load; their summaries may be stored, too.
        generated_per_s: summaries a second, of full searches, with a candidate that a model wrote, now or earlier.
        messages: of a completed search, on average.
        sent_bytes: likewise.
        cpu_ms: what the server took of a core for each completed search.
        event_loop_ms: of it what its event loop took.
        generator_cpu_ms: what the generator took of a core for each completed search.
        memory_mb: the server's memory at the end.
        lateness_ms: by how much a search began later than it was to, at worst.
    """

    kind: LoadKind
    streams: int | None
    rate_per_s: float | None
    took_s: float
    outcomes: dict[str, int]
    first_hit_ms: Percentiles | None
    first_token_ms: Percentiles | None
    final_ms: Percentiles | None
    stepped_down_final_ms: Percentiles | None
    refused_ms: Percentiles | None
    stored_share: float
    repeated: int
    generated_per_s: float
    messages: float
    sent_bytes: float
    cpu_ms: float
    event_loop_ms: float
    generator_cpu_ms: float
    memory_mb: float
    lateness_ms: float

    @property
    def completed(self) -> int:
        """Searches that came to their end, full or not."""
        return sum(self.outcomes.get(outcome, 0) for outcome in COMPLETED)

    @property
    def full_per_s(self) -> float:
        """Full searches a second."""
        return self.outcomes.get(FULL, 0) / self.took_s

    @property
    def completed_per_s(self) -> float:
        """Completed searches a second, full or not."""
        return self.completed / self.took_s


class BareStreamFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Bare grpc.aio streams of eleven messages, by a server in a process of its own.

    Attributes:
        streams: that are under way at any time.
        per_s: streams a second.
        first_message_ms: time to the first message.
        cpu_ms: what the server took of a core for each.
    """

    streams: int
    per_s: float
    first_message_ms: Percentiles
    cpu_ms: float


class FloorFigures(msgspec.Struct, kw_only=True):
    """What lies under any search, measured alone, between the loads.

    Attributes:
        encode_ms: embedding a query.
        retrieve_ms: both legs of retrieval.
        both_ms: one after the other.
        greedy_per_s: summaries a second by raw CTranslate2 in batches of eight, one candidate each.
        written_per_s: the same with as many candidates as the searches have.
        compared_per_s: as `greedy_per_s`, with what a search embeds to choose: each summary, and the sentences of
            its article.
        ten_ms: those of the hits of a search, on all cores.
        bare: bare streams.
    """

    encode_ms: Percentiles
    retrieve_ms: Percentiles
    both_ms: Percentiles
    greedy_per_s: float
    written_per_s: float
    compared_per_s: float
    ten_ms: Percentiles
    bare: list[BareStreamFigures]


class MemoryFigures(msgspec.Struct, frozen=True):
    """How a server's memory grew with calls.

    Attributes:
        kind: of the calls.
        calls: between the two measurements.
        before_mb: memory before them.
        after_mb: memory after them.
    """

    kind: LoadKind
    calls: int
    before_mb: float
    after_mb: float

    @property
    def growth_mb(self) -> float:
        """By how much it grows in 10,000 calls."""
        return (self.after_mb - self.before_mb) / self.calls * 10_000


class LoadFigures(msgspec.Struct, kw_only=True):
    """All figures of a measurement.

    Attributes:
        machine: what it was taken on.
        cores: how many cores server and generator share.
        articles: how many are indexed.
        index: where they are.
        setting: articles, hits, candidates and servers.
        candidates: for each summary.
        top_k: hits of each search.
        seconds: length of each load.
        runs: the loads.
        floors: in the order in which they were measured, between the loads.
        start_mb: memory of a fresh server that has answered a few searches.
        growth: of memory, with calls of each kind of which it was measured.
    """

    machine: str
    cores: int
    setting: str
    candidates: int
    top_k: int
    seconds: float
    articles: int = 0
    index: str = ""
    runs: list[RunFigures] = []
    floors: list[FloorFigures] = []
    start_mb: float = 0.0
    growth: list[MemoryFigures] = []


def run_figures(
    kind: LoadKind, load: Load, report: LoadReport, usage: Usage, *, stored: Mapping[str, float]
) -> RunFigures:
    """Sums up a load.

    Args:
        kind: how much was stored beforehand.
        load: what was asked.
        stored: for each query, the share of its hits that had a stored summary when the load began.
        report: what became of it.
        usage: what the server took meanwhile.
    """
    searches = report.searches
    full = [each for each in searches if each.outcome == FULL]
    stepped_down = [each for each in searches if each.outcome == STEPPED_DOWN]
    refused = [each for each in searches if each.outcome.startswith(REFUSED)]
    completed = [each for each in searches if each.outcome in COMPLETED]
    count = max(len(completed), 1)
    return RunFigures(
        kind=kind,
        streams=load.streams,
        rate_per_s=load.rate_per_s,
        took_s=report.took_s,
        outcomes=dict(Counter(each.outcome for each in searches)),
        first_hit_ms=percentiles_of(full, lambda each: each.first_hit_s),
        first_token_ms=percentiles_of(full, _first_token_after_hits_s),
        final_ms=percentiles_of(full, lambda each: each.final_s),
        stepped_down_final_ms=percentiles_of(stepped_down, lambda each: each.final_s),
        refused_ms=percentiles_of(refused, lambda each: each.ended_s),
        stored_share=sum(stored.get(each.query, 0.0) for each in completed) / count,
        repeated=len(completed) - len({each.query for each in completed}),
        generated_per_s=sum(each.generated for each in full) / report.took_s,
        messages=sum(each.messages for each in completed) / count,
        sent_bytes=sum(each.sent_bytes for each in completed) / count,
        cpu_ms=usage.cpu_s / count * 1e3,
        event_loop_ms=usage.event_loop_s / count * 1e3,
        generator_cpu_ms=report.cpu_s / count * 1e3,
        memory_mb=usage.memory_mb,
        lateness_ms=report.lateness_s * 1e3,
    )


def _first_token_after_hits_s(search: SearchRecord) -> float | None:
    if search.first_token_s is None or search.first_hit_s is None:
        return None
    return search.first_token_s - search.first_hit_s


def percentiles_of(
    searches: Sequence[SearchRecord], time_s: Callable[[SearchRecord], float | None]
) -> Percentiles | None:
    """Percentiles of a time of searches that have it; None if none has."""
    values_s = [value for each in searches if (value := time_s(each)) is not None]
    return percentiles([each * 1e3 for each in values_s]) if values_s else None


def percentiles(values_ms: Sequence[float]) -> Percentiles:
    """Percentiles of times in milliseconds, at least one."""
    return Percentiles(*(percentile(values_ms, share) for share in (0.5, 0.95, 0.99)))
