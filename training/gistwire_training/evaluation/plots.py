"""The plots of a report, drawn by matplotlib without a display."""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from numpy.typing import NDArray

from gistwire_training.evaluation.bootstrap import Bootstrap, Estimate
from gistwire_training.evaluation.comparison import Evaluation, SystemRun
from gistwire_training.evaluation.corpus_metrics import METRICS
from gistwire_training.evaluation.display import safe_text, source_name

_SHOWN_METRICS = ("rouge1", "rouge2", "rouge_l", "bleu", "supported_items", "faithfulness")
_LENGTH_CLASSES = 5
_MAX_LEVEL_LABELS = 4
_COPY_BINS = np.linspace(0.0, 1.0, 11)
_WIDTH_INCHES = 10.5
_DOTS_PER_INCH = 144


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a plot, as hexadecimal RGB.

    Attributes:
        background: of the picture where it is not transparent.
        foreground: texts.
        muted: axes and marks of intervals.
        grid: lines behind the data.
        baselines: colours of baselines, in order and from the start again.
        systems: colours of systems, likewise.
    """

    background: str
    foreground: str
    muted: str
    grid: str
    baselines: tuple[str, ...]
    systems: tuple[str, ...]


LIGHT = Theme(
    background="#ffffff",
    foreground="#1c2430",
    muted="#5d6775",
    grid="#e3e7ec",
    baselines=("#c9d0d9", "#aab4c0", "#8b97a6", "#6c7a8b", "#4f5d6f"),
    systems=("#0b6fd3", "#e8710a", "#12856a", "#a142c8", "#c5303f"),
)
DARK = Theme(
    background="#14181e",
    foreground="#e6eaf0",
    muted="#98a3b1",
    grid="#2c343f",
    baselines=("#4a5665", "#5f6c7c", "#768495", "#8f9cac", "#aab5c3"),
    systems=("#5aa9ff", "#ffa04d", "#4cc9a4", "#d08bf0", "#ff7a85"),
)

Plot = Callable[[Evaluation, Theme], Figure]
"""Draws one aspect of an evaluation."""


def plot_metrics(evaluation: Evaluation, theme: Theme) -> Figure:
    """Draws a bar with its interval for each system and source, metric by metric."""
    metrics = [metric for metric in METRICS if metric.name in _SHOWN_METRICS]
    colours = _colours(evaluation.runs, theme)
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.12)
    figure = Figure(figsize=(_WIDTH_INCHES, 6.4), layout=layout)
    for axes, metric in zip(figure.subplots(2, 3).flat, metrics, strict=True):
        _style(axes, theme, metric.label)
        width = 0.84 / len(colours)
        for number, colour in enumerate(colours):
            estimates = [
                source.systems[number].figures[metric.name].estimate for source in evaluation.sources
            ]
            places = np.arange(len(estimates)) + (number - (len(colours) - 1) / 2) * width
            axes.bar(places, [100 * each.value for each in estimates], width * 0.9, color=colour, zorder=2)
            _draw_intervals(axes, places, estimates, theme.muted)
        names = [_short(source_name(each.source)) for each in evaluation.sources]
        axes.set_xticks(range(len(names)), names, fontsize=8, **_slanted(len(names)))
    _add_legend(figure, evaluation.runs, colours, theme)
    return figure


def _slanted(labels: int) -> dict[str, Any]:
    """Returns how labels are set so that many of them do not run into each other."""
    return {"rotation": 25, "ha": "right", "rotation_mode": "anchor"} if labels > _MAX_LEVEL_LABELS else {}


def plot_rouge_by_length(evaluation: Evaluation, theme: Theme) -> Figure:
    """Draws mean ROUGE with its interval for articles of similar length, a fifth of them each."""
    lengths = np.array([pair.article_length for pair in evaluation.pairs])
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, _LENGTH_CLASSES + 1), method="nearest"))
    classes = np.searchsorted(edges[1:-1], lengths, side="left")
    members = [np.flatnonzero(classes == each) for each in range(max(len(edges) - 1, 1))]
    members = [places for places in members if len(places)]
    colours = _colours(evaluation.runs, theme)
    figure = Figure(figsize=(_WIDTH_INCHES, 4.2), layout="constrained")
    axes = figure.subplots()
    _style(axes, theme, "Mean of ROUGE-1, ROUGE-2 and ROUGE-L by length of the article")
    for number, (run, colour) in enumerate(zip(evaluation.runs, colours, strict=True)):
        rouge = np.array([[output.measures.rouge, 1.0] for output in run.outputs])
        estimates = [
            Bootstrap(len(places), resamples=evaluation.resamples, seed=evaluation.seed).estimate(
                rouge[places]
            )
            for places in members
        ]
        # Set apart a little, so that intervals do not hide each other.
        positions = np.arange(len(members)) + (number - (len(colours) - 1) / 2) * 0.06
        axes.plot(
            positions, [100 * each.value for each in estimates], color=colour, marker="o", markersize=4.5
        )
        _draw_intervals(axes, positions, estimates, colour)
    axes.set_ylim(bottom=0)
    axes.set_xticks(
        range(len(members)), [f"{lengths[places].min()}–{lengths[places].max()}" for places in members]
    )
    axes.set_xlabel("words of the article (characters in Chinese)", color=theme.muted)
    _add_legend(figure, evaluation.runs, colours, theme)
    return figure


def plot_copying(evaluation: Evaluation, theme: Theme) -> Figure:
    """Draws for each system which part of its outputs copies how much of the article."""
    colours = _colours(evaluation.runs, theme)
    columns = min(4, len(colours))
    rows = -(-len(colours) // columns)
    figure = Figure(figsize=(_WIDTH_INCHES, 0.5 + 2.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, run, colour in zip(grid.flat, evaluation.runs, colours, strict=False):
        _style(axes, theme, _short(safe_text(run.system), 28))
        shares = [output.measures.copied_bigrams for output in run.outputs]
        weights = np.full(len(shares), 100 / len(shares))
        axes.hist(shares, _COPY_BINS.tolist(), weights=weights, color=colour, rwidth=0.88, zorder=2)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    for axes in grid.flat[len(colours) :]:
        axes.set_visible(False)
    figure.supxlabel("pairs of words that stand so in the article", color=theme.muted, fontsize=9)
    figure.supylabel("outputs, %", color=theme.muted, fontsize=9)
    return figure


def render(plot: Plot, evaluation: Evaluation, theme: Theme, *, file_format: Literal["png", "svg"]) -> bytes:
    """Draws a plot into a file: PNG on the theme's background, SVG on none."""
    with _settings(theme):
        figure = plot(evaluation, theme)
        file = io.BytesIO()
        # Without the date, equal plots are equal files.
        metadata = {"Date": None} if file_format == "svg" else None
        figure.savefig(
            file,
            format=file_format,
            dpi=_DOTS_PER_INCH,
            facecolor=theme.background,
            transparent=file_format == "svg",
            metadata=metadata,
        )
    return file.getvalue()


@contextmanager
def _settings(theme: Theme) -> Iterator[None]:
    # Names of systems and sources may hold a dollar sign, which would begin a formula.
    with (
        mpl.rc_context(
            {
                "font.size": 9,
                "text.color": theme.foreground,
                "text.parse_math": False,
                "svg.hashsalt": "gistwire",
            }
        ),
        warnings.catch_warnings(),
    ):
        # A name in a script that the font lacks is shown as boxes, which is no reason to fail.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _colours(runs: Sequence[SystemRun], theme: Theme) -> list[str]:
    baselines = sum(run.is_baseline for run in runs)
    return [
        theme.baselines[number % len(theme.baselines)]
        if run.is_baseline
        else theme.systems[(number - baselines) % len(theme.systems)]
        for number, run in enumerate(runs)
    ]


def _style(axes: Axes, theme: Theme, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=theme.foreground, fontweight="bold")
    axes.set_facecolor("none")
    axes.grid(axis="y", color=theme.grid, linewidth=0.8, zorder=0)
    axes.tick_params(colors=theme.muted, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(theme.muted)


def _draw_intervals(
    axes: Axes, places: NDArray[np.floating], estimates: Sequence[Estimate], colour: str
) -> None:
    axes.vlines(
        places,
        [100 * each.low for each in estimates],
        [100 * each.high for each in estimates],
        colors=colour,
        linewidth=1.1,
        zorder=3,
    )


def _add_legend(figure: Figure, runs: Sequence[SystemRun], colours: Sequence[str], theme: Theme) -> None:
    handles = [Patch(color=colour) for colour in colours]
    figure.legend(
        handles,
        [_short(safe_text(run.system), 28) for run in runs],
        loc="outside lower center",
        ncols=min(6, len(runs)),
        frameon=False,
        labelcolor=theme.foreground,
    )


def _short(text: str, limit: int = 12) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
