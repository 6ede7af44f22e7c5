"""The report of a load: `report_text`, in Markdown, and `draw_report`, its plots."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.load.figures import LoadFigures, LoadKind, Percentiles, RunFigures
from benchmarks.load.targets import target_rows

_KINDS: dict[LoadKind, str] = {
    "hits": "hits: no summaries",
    "cold": "cold: every summary is written",
    "half": "half: every second summary is stored",
    "warm": "warm: nearly all summaries are stored",
    "again": "again: whole answers are kept",
}
_COLOURS = {"hits": "#6b6b6b", "cold": "#3b6fb6", "half": "#8a5fb0", "warm": "#d0752b", "again": "#2f7d4f"}
_TIMES: tuple[tuple[str, str, Callable[[RunFigures], Percentiles | None]], ...] = (
    ("first hit", "#2f7d4f", lambda run: run.first_hit_ms),
    ("first token after the hits", "#3b6fb6", lambda run: run.first_token_ms),
    ("final ranking", "#b03a48", lambda run: run.final_ms),
)


def report_text(figures: LoadFigures) -> str:
    """All figures, in Markdown."""
    lines = [f"Machine: {figures.machine}; server and generator share {figures.cores} cores.", ""]
    lines += [f"Corpus: {figures.setting}.", ""]
    lines += [
        f"Memory of the fresh server: {figures.start_mb:.0f} MB. Times in ms, p50 / p95 / p99, are those of full "
        "searches: completed, with nothing given up.",
        "",
        "| load | searches/s, full / all | first hit | first token after the hits | final ranking | CPU-ms a search "
        "(event loop) | stored | memory, MB | outcomes |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(run) for run in figures.runs]
    lines += ["", *_notes(figures)]
    if figures.floors:
        lines += _floors(figures)
    rows = target_rows(figures)
    if rows:
        lines += ["", "| | target | measured | |", "|---|---|---|---|"]
        lines += [
            f"| {row.name} | {row.target} | {row.measured} | "
            f"{'' if row.is_met is None else 'met' if row.is_met else 'missed'} |"
            for row in rows
        ]
    return "\n".join(lines) + "\n"


def draw_report(figures: LoadFigures, folder: Path) -> list[Path]:
    """Draws latencies and throughput by streams into PNG files; returns those that there is something to draw for."""
    kinds: list[LoadKind] = [kind for kind in _KINDS if len(_closed(figures, kind)) > 1]
    if not kinds:
        return []
    latency = Figure(figsize=(4.6 * len(kinds), 5.0), layout="constrained")
    axes = latency.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for kind, axis in zip(kinds, axes, strict=True):
        _draw_latency(axis, _closed(figures, kind), _KINDS[kind])
    axes[0].set_ylabel("ms, full searches")
    latency.legend(*axes[0].get_legend_handles_labels(), fontsize=8, ncols=3, loc="outside lower center")
    throughput = Figure(figsize=(7.0, 4.4), layout="constrained")
    _draw_throughput(throughput.subplots(), figures, kinds)
    paths = [folder / "latency.png", folder / "throughput.png"]
    for figure, path in zip((latency, throughput), paths, strict=True):
        figure.savefig(path, dpi=130)
    return paths


def _closed(figures: LoadFigures, kind: LoadKind) -> list[RunFigures]:
    runs = [each for each in figures.runs if each.kind == kind and each.streams is not None]
    return sorted(runs, key=lambda each: each.streams or 0)


def _draw_latency(axis: Axes, runs: list[RunFigures], title: str) -> None:
    for name, colour, time_of in _TIMES:
        timed = [(run.streams or 0, times) for run in runs if (times := time_of(run)) is not None]
        streams = [each for each, _ in timed]
        axis.plot(streams, [times.p50 for _, times in timed], "o-", color=colour, label=f"{name}: p50")
        axis.plot(streams, [times.p95 for _, times in timed], "s--", color=colour, label="p95", alpha=0.6)
        axis.plot(streams, [times.p99 for _, times in timed], "^:", color=colour, label="p99", alpha=0.6)
    axis.set(title=title, xscale="log", yscale="log", xlabel="streams at a time")
    axis.title.set_fontsize(10)
    _mark_levels(axis, runs)


def _draw_throughput(axis: Axes, figures: LoadFigures, kinds: list[LoadKind]) -> None:
    for kind in kinds:
        runs = _closed(figures, kind)
        streams = [run.streams or 0 for run in runs]
        axis.plot(
            streams, [run.full_per_s for run in runs], "o-", color=_COLOURS[kind], label=f"{kind}, full"
        )
        axis.plot(
            streams,
            [run.completed_per_s for run in runs],
            "s--",
            color=_COLOURS[kind],
            label=f"{kind}, all that were completed",
            alpha=0.6,
        )
    axis.set(xscale="log", yscale="log", xlabel="streams at a time", ylabel="searches a second")
    _mark_levels(axis, _closed(figures, kinds[0]))
    axis.legend(fontsize=8)


def _mark_levels(axis: Axes, runs: list[RunFigures]) -> None:
    levels = [run.streams or 0 for run in runs]
    axis.set_xticks(levels, [str(level) for level in levels])
    axis.minorticks_off()
    axis.grid(visible=True, alpha=0.3)


def _row(run: RunFigures) -> str:
    load = f"{run.streams} streams" if run.streams is not None else f"{run.rate_per_s:.1f}/s, open"
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(run.outcomes.items()))
    return (
        f"| {run.kind}, {load} | {run.full_per_s:.1f} / {run.completed_per_s:.1f} | {_times(run.first_hit_ms)} "
        f"| {_times(run.first_token_ms)} | {_times(run.final_ms)} | {run.cpu_ms:.1f} ({run.event_loop_ms:.1f}) "
        f"| {run.stored_share:.0%} | {run.memory_mb:.0f} | {outcomes} |"
    )


def _notes(figures: LoadFigures) -> list[str]:
    notes = []
    for run in figures.runs:
        name = f"{run.kind}, {run.streams or f'{run.rate_per_s:.1f}/s'}"
        if run.stepped_down_final_ms is not None:
            notes.append(
                f"- {name}: searches that were stepped down ended after {_times(run.stepped_down_final_ms)}."
            )
        if run.refused_ms is not None:
            notes.append(f"- {name}: refusals took {_times(run.refused_ms)}.")
        if run.kind in ("hits", "cold", "half") and run.repeated:
            notes.append(f"- {name}: {run.repeated} searches were for what had been searched for before.")
        if run.lateness_ms > 50.0:
            notes.append(f"- {name}: the generator was up to {run.lateness_ms:.0f} ms late.")
    return [*notes, ""] if notes else []


def _floors(figures: LoadFigures) -> list[str]:
    lines = [
        "Floors, each time that they were measured, between the loads:",
        "",
        "| encode a query | retrieve | both | raw CTranslate2, summaries/s, one candidate / "
        f"{figures.candidates} | those of a search, on all cores | bare streams of eleven messages |",
        "|---|---|---|---|---|---|",
    ]
    for each in figures.floors:
        bare = "; ".join(
            f"{one.streams} at a time: {one.per_s:.0f}/s, first {one.first_message_ms.p50:.1f} ms, "
            f"{one.cpu_ms:.2f} CPU-ms"
            for one in each.bare
        )
        lines.append(
            f"| {_times(each.encode_ms)} | {_times(each.retrieve_ms)} | {_times(each.both_ms)} "
            f"| {each.greedy_per_s:.1f} / {each.written_per_s:.1f} | {_times(each.ten_ms)} | {bare} |"
        )
    return lines


def _times(times: Percentiles | None) -> str:
    if times is None:
        return "–"
    digits = 1 if times.p50 < 100 else 0
    return " / ".join(f"{value:.{digits}f}" for value in (times.p50, times.p95, times.p99))
