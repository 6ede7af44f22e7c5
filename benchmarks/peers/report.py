"""The report on systems beside each other: `markdown_of` as tables, `draw` as pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from matplotlib.figure import Figure

from benchmarks.peers.figures import Spread, SystemFigures
from benchmarks.peers.systems import OURS

_OURS_COLOUR, _PEERS_COLOUR, _TAIL_COLOUR = "#2563a8", "#9aa5b1", "#5f6b77"


class PeersReport(msgspec.Struct, frozen=True, kw_only=True):
    """A run.

    Attributes:
        machine: CPU and versions.
        corpus: of what the index was.
        load: what was asked, and with which limits.
        concurrency: searches at a time, where there were several.
        systems: the figures, ours first.
    """

    machine: str
    corpus: str
    load: str
    concurrency: int
    systems: list[SystemFigures]

    @property
    def ours(self) -> SystemFigures:
        """The system that all others are compared with."""
        return next(each for each in self.systems if each.name == OURS)


def markdown_of(report: PeersReport) -> str:
    """Returns the tables, with what was measured above them."""
    ours = report.ours
    times = [
        [
            each.name,
            _range(each.hits_ms),
            _range(each.first_text_ms),
            _range(each.final_ms),
            _ratio(each.final_ms.p50, ours.final_ms.p50),
            f"{each.busy_per_s:.2f}",
            _ratio(ours.busy_per_s, each.busy_per_s),
        ]
        for each in report.systems
    ]
    costs = [
        [
            each.name,
            f"{each.cpu_s:.2f}",
            f"{each.busy_cpu_s:.2f}",
            f"{each.memory_mb:.0f}",
            f"{each.recall:.2f}",
            f"{each.agreement:.2f}",
            "–" if each.rouge1 is None else f"{each.rouge1 * 100:.1f}",
        ]
        for each in report.systems
    ]
    versions = [f"{each.name}: {_versions(each)}" for each in report.systems]
    return "\n\n".join(
        [
            report.machine,
            report.corpus,
            report.load,
            _table(
                [
                    "system",
                    "hits, ms",
                    "first text, ms",
                    "final order, ms",
                    "of ours",
                    f"searches/s, {report.concurrency} at once",
                    "ours to it",
                ],
                times,
            ),
            _table(
                [
                    "system",
                    "CPU s a search",
                    f"{report.concurrency} at once",
                    "memory, MB",
                    "recall@k",
                    "hits we have",
                    "ROUGE-1",
                ],
                costs,
            ),
            "\n".join(f"- {line}" for line in versions),
        ]
    )


def draw(report: PeersReport, folder: Path) -> list[Path]:
    """Draws times and costs; returns the PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _draw_times(report, folder / "peers-latency.png"),
        _draw_rates(report, folder / "peers-throughput.png"),
    ]


def _draw_times(report: PeersReport, path: Path) -> Path:
    figure = Figure(figsize=(11, 1.4 + 0.42 * len(report.systems)), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    readers: tuple[tuple[str, Callable[[SystemFigures], Spread]], ...] = (
        ("hits", lambda each: each.hits_ms),
        ("first text of a summary", lambda each: each.first_text_ms),
        ("final order", lambda each: each.final_ms),
    )
    names = [each.name for each in report.systems]
    for panel, (title, read) in zip(panels, readers, strict=True):
        spreads = [read(each) for each in report.systems]
        panel.barh(names, [each.p50 for each in spreads], color=_colours(report))
        panel.scatter([each.p95 for each in spreads], names, marker="|", s=120, color=_TAIL_COLOUR, zorder=3)
        for place, each in enumerate(spreads):
            panel.annotate(
                _range(each), (each.p95, place), (5, 0), textcoords="offset points", va="center", fontsize=8
            )
        panel.margins(x=0.45)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("ms; bar p50, mark p95", fontsize=9)
        panel.grid(axis="x", alpha=0.3)
        panel.set_axisbelow(True)
    panels[0].invert_yaxis()
    figure.savefig(path, dpi=110)
    return path


def _draw_rates(report: PeersReport, path: Path) -> Path:
    figure = Figure(figsize=(11, 1.4 + 0.42 * len(report.systems)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = [each.name for each in report.systems]
    rates = [each.busy_per_s for each in report.systems]
    costs = [each.busy_cpu_s for each in report.systems]
    for panel, values, title in (
        (panels[0], rates, f"searches a second, {report.concurrency} at once"),
        (panels[1], costs, f"CPU seconds a search, {report.concurrency} at once"),
    ):
        bars = panel.barh(names, values, color=_colours(report))
        panel.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)
        panel.set_title(title, fontsize=10)
        panel.margins(x=0.12)
        panel.grid(axis="x", alpha=0.3)
        panel.set_axisbelow(True)
    panels[0].invert_yaxis()
    figure.savefig(path, dpi=110)
    return path


def _colours(report: PeersReport) -> list[str]:
    return [_OURS_COLOUR if each.name.startswith(OURS) else _PEERS_COLOUR for each in report.systems]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _range(spread: Spread) -> str:
    return f"{spread.p50:.0f} / {spread.p95:.0f}"


def _ratio(value: float, of: float) -> str:
    return f"{value / of:.1f} ×"


def _versions(figures: SystemFigures) -> str:
    return ", ".join(f"{name} {version}" for name, version in figures.versions.items())
