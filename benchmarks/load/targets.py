"""What the figures of a load come to beside its floors: `target_rows`."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.load.figures import FloorFigures, LoadFigures, LoadKind, RunFigures

_BARE_STREAMS = 32
_MEMORY_ARTICLES = 100_000
_MEMORY_MB = 600.0
_LEAST_GROWTH_CALLS = 5_000
"""Fewer calls say more of how memory is allotted than of what remains of each."""

_STORED: tuple[tuple[str, LoadKind], ...] = (
    ("warm throughput", "warm"),
    ("throughput of answers that are told again", "again"),
)


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target beside what was measured.

    Attributes:
        name: of what.
        target: what it should be.
        measured: what it is, with what it is compared with.
        is_met: whether that is enough; None if this measurement cannot say.
    """

    name: str
    target: str
    measured: str
    is_met: bool | None


def target_rows(figures: LoadFigures) -> list[TargetRow]:
    """All targets of which the figures say something. Searches of which anything was given up count for none."""
    rows: list[TargetRow] = []
    floors = figures.floors
    if floors:
        rows += _first_hit(figures, floors)
    if (cold := _single_stream(figures, "cold")) is not None:
        rows += _cold_search(cold, floors)
    if floors and _runs(figures, "cold"):
        rows.append(_cold_throughput(figures, floors))
    rows += [
        _throughput_of_stored(name, runs, floors) for name, kind in _STORED if (runs := _runs(figures, kind))
    ]
    if figures.index == "embedded":
        rows.append(_memory(figures))
    rows += [
        TargetRow(
            f"memory, growth in 10,000 calls, {growth.kind}",
            "≤ 1 MB",
            f"{growth.growth_mb:+.1f} MB (over {growth.calls:,} calls)",
            growth.growth_mb <= 1.0 if growth.calls >= _LEAST_GROWTH_CALLS else None,
        )
        for growth in figures.growth
    ]
    return rows


def median_of(floors: Sequence[FloorFigures], figure: Callable[[FloorFigures], float]) -> float:
    """The median of a figure over all times that the floors were measured."""
    return statistics.median(figure(each) for each in floors)


def _first_hit(figures: LoadFigures, floors: Sequence[FloorFigures]) -> list[TargetRow]:
    run = _single_stream(figures, "hits")
    if run is None or run.first_hit_ms is None:
        return []
    calls_ms = median_of(floors, lambda each: each.both_ms.p50)
    echo_ms = median_of(floors, lambda each: each.bare[0].first_message_ms.p50)
    ratio = run.first_hit_ms.p50 / (calls_ms + echo_ms)
    return [
        TargetRow(
            "first hit, p50, beside encode + retrieval + echo",
            "≤ 1.3 ×",
            f"{ratio:.2f} × ({run.first_hit_ms.p50:.1f} ms beside {calls_ms:.1f} + {echo_ms:.1f} ms)",
            ratio <= 1.3,
        ),
        TargetRow(
            "first hit, p50 / p99",
            "≤ 10 / 30 ms",
            f"{run.first_hit_ms.p50:.1f} / {run.first_hit_ms.p99:.1f} ms",
            run.first_hit_ms.p50 <= 10.0 and run.first_hit_ms.p99 <= 30.0,
        ),
    ]


def _cold_search(run: RunFigures, floors: Sequence[FloorFigures]) -> list[TargetRow]:
    rows: list[TargetRow] = []
    if run.first_token_ms is not None:
        rows.append(
            TargetRow(
                "first token after the hits, cold, one stream, p50",
                "≤ 35 ms",
                f"{run.first_token_ms.p50:.1f} ms (p95 {run.first_token_ms.p95:.1f})",
                run.first_token_ms.p50 <= 35.0,
            )
        )
    if run.final_ms is not None and floors:
        raw_ms = median_of(floors, lambda each: each.ten_ms.p95)
        ratio = run.final_ms.p95 / raw_ms
        rows.append(
            TargetRow(
                "final ranking, cold, one stream, p95, beside raw batches of its summaries",
                "≤ 1.5 ×",
                f"{ratio:.2f} × ({run.final_ms.p95:.0f} ms beside {raw_ms:.0f} ms)",
                ratio <= 1.5,
            )
        )
    return rows


def _cold_throughput(figures: LoadFigures, floors: Sequence[FloorFigures]) -> TargetRow:
    best = max(_runs(figures, "cold"), key=lambda each: each.generated_per_s)
    raw_per_s = median_of(floors, lambda each: each.written_per_s)
    compared_per_s = median_of(floors, lambda each: each.compared_per_s)
    share = best.generated_per_s / raw_per_s
    return TargetRow(
        "cold throughput beside raw CTranslate2",
        "≥ 85 %",
        f"{share:.0%} ({best.generated_per_s:.1f} summaries/s beside {raw_per_s:.1f}, {_named(best)}); "
        f"{best.generated_per_s / compared_per_s:.0%} of {compared_per_s:.1f} with one candidate, where each is "
        "embedded with the sentences of its article",
        share >= 0.85,
    )


def _throughput_of_stored(name: str, runs: Sequence[RunFigures], floors: Sequence[FloorFigures]) -> TargetRow:
    best = max(runs, key=lambda each: each.full_per_s)
    measured = f"{best.full_per_s:.0f} searches/s ({_named(best)}), {best.cpu_ms:.1f} CPU-ms each"
    is_met = best.full_per_s >= 300.0
    if floors:
        bare_per_s = median_of(
            floors, lambda each: max(bare.per_s for bare in each.bare if bare.streams <= _BARE_STREAMS)
        )
        share = best.full_per_s / bare_per_s
        measured += f"; {share:.0%} of {bare_per_s:.0f} bare streams/s"
        is_met = is_met or share >= 0.4
    return TargetRow(name, "≥ 300 searches/s, or ≥ 40 % of bare streams", measured, is_met)


def _memory(figures: LoadFigures) -> TargetRow:
    is_enough = figures.start_mb <= _MEMORY_MB
    return TargetRow(
        f"memory of the fresh server, {figures.articles:,} articles, embedded",
        f"≤ {_MEMORY_MB:.0f} MB at {_MEMORY_ARTICLES:,}",
        f"{figures.start_mb:.0f} MB",
        # With fewer articles it says nothing as long as it is less.
        is_enough if figures.articles >= _MEMORY_ARTICLES or not is_enough else None,
    )


def _runs(figures: LoadFigures, kind: LoadKind) -> list[RunFigures]:
    return [each for each in figures.runs if each.kind == kind]


def _single_stream(figures: LoadFigures, kind: LoadKind) -> RunFigures | None:
    return next((each for each in _runs(figures, kind) if each.streams == 1), None)


def _named(run: RunFigures) -> str:
    return f"{run.streams} streams" if run.streams is not None else f"{run.rate_per_s:.1f}/s asked for"
