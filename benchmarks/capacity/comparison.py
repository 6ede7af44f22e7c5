"""What the model predicts for loads that were measured, beside what was measured: `compare`, `comparison_text`."""

import statistics
from dataclasses import dataclass

from gistwire_server.config import ServerConfig

from benchmarks.capacity.costs import SearchCosts
from benchmarks.capacity.model import Scenario, simulate
from benchmarks.load.figures import COMPLETED, LoadFigures, Percentiles, RunFigures, percentiles_of
from benchmarks.load.searches import FULL, SearchRecord

_SEEDS = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """A load as predicted and as measured.

    Attributes:
        run: as measured.
        full_per_s: full searches a second, as predicted.
        completed_per_s: completed ones.
        final_ms: time of the full searches to the final ranking, as predicted; None if none is full.
        first_hit_ms: likewise to the hits.
    """

    run: RunFigures
    full_per_s: float
    completed_per_s: float
    final_ms: Percentiles | None
    first_hit_ms: Percentiles | None


def compare(figures: LoadFigures, costs: SearchCosts, config: ServerConfig) -> list[Comparison]:
    """Simulates each load of searches with summaries, as long as it was measured, several times.

    The model keeps no whole answers: loads of the same searches again are left out.
    """
    kinds = ("cold", "half", "warm")
    return [_compare(run, figures, costs, config) for run in figures.runs if run.kind in kinds]


def errors(comparisons: list[Comparison]) -> dict[str, float]:
    """The median of |predicted / measured - 1| of each figure, over loads that the costs do not come from."""
    found: dict[str, list[float]] = {"throughput": [], "p50": [], "p95": []}
    for each in comparisons:
        run = each.run
        if run.streams == 1 and run.kind in ("warm", "cold"):
            continue
        if run.completed:
            found["throughput"].append(abs(each.completed_per_s / run.completed_per_s - 1))
        if run.final_ms is not None and each.final_ms is not None:
            found["p50"].append(abs(each.final_ms.p50 / run.final_ms.p50 - 1))
            found["p95"].append(abs(each.final_ms.p95 / run.final_ms.p95 - 1))
    return {name: statistics.median(values) for name, values in found.items() if values}


def comparison_text(comparisons: list[Comparison]) -> str:
    """A table in Markdown, and the errors below it."""
    lines = [
        "Predicted / measured; searches a second and ms. Of one stream, warm and cold, are the costs.",
        "",
        "| load | full searches/s | all completed/s | first hit p50 | final ranking p50 | p95 |",
        "|---|---|---|---|---|---|",
    ]
    for each in comparisons:
        run = each.run
        load = f"{run.streams} streams" if run.streams is not None else f"{run.rate_per_s:.1f}/s"
        lines.append(
            f"| {run.kind}, {load} | {each.full_per_s:.1f} / {run.full_per_s:.1f} "
            f"| {each.completed_per_s:.1f} / {run.completed_per_s:.1f} "
            f"| {_pair(each.first_hit_ms, run.first_hit_ms, 0)} | {_pair(each.final_ms, run.final_ms, 0)} "
            f"| {_pair(each.final_ms, run.final_ms, 1)} |"
        )
    found = ", ".join(f"{name} {error:.0%}" for name, error in errors(comparisons).items())
    return "\n".join([*lines, "", f"Median error of the others: {found}."])


def _compare(run: RunFigures, figures: LoadFigures, costs: SearchCosts, config: ServerConfig) -> Comparison:
    searches: list[SearchRecord] = []
    counted_s = 0.0
    for seed in range(_SEEDS):
        outcome = simulate(
            Scenario(
                costs=costs,
                # A warm search is what the costs have as one with all summaries stored.
                stored_share=1.0 if run.kind == "warm" else run.stored_share,
                known_share=1.0 if run.kind == "warm" else 0.0,
                cores=figures.cores,
                streams=run.streams,
                rate_per_s=run.rate_per_s,
                seconds=figures.seconds,
                candidates=figures.candidates,
                with_client=True,
                # As it was measured: from an idle server on.
                counted_after=0.0,
                seed=seed,
            ),
            config,
        )
        searches += outcome.searches
        counted_s += outcome.counted_s
    full = [each for each in searches if each.outcome == FULL]
    return Comparison(
        run=run,
        full_per_s=len(full) / counted_s,
        completed_per_s=sum(each.outcome in COMPLETED for each in searches) / counted_s,
        final_ms=percentiles_of(full, lambda each: each.final_s),
        first_hit_ms=percentiles_of(full, lambda each: each.first_hit_s),
    )


def _pair(predicted: Percentiles | None, measured: Percentiles | None, share: int) -> str:
    """The 50th (0) or 95th (1) percentiles of both."""
    return " / ".join(
        "–" if each is None else f"{(each.p50, each.p95)[share]:.0f}" for each in (predicted, measured)
    )
