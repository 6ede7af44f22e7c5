"""Draws the Grafana dashboard from what a real Prometheus holds: `draw_dashboard`.

This is our rendering, not Grafana's: the panels, their places, queries, units and colours are those of the
dashboard's file, and the answers are Prometheus's.
"""

import json
import math
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

DASHBOARD = Path(__file__).parents[1] / "deploy" / "grafana" / "dashboards" / "gistwire.json"

_BACKGROUND, _PANEL, _TEXT, _FAINT = "#111217", "#181b1f", "#ccccdc", "#8e8e99"
_GRID = "#2c3235"
_COLOURS = (
    *("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#fade2a"),
    *("#96d98d", "#ffb357", "#ff7383", "#ca95e5"),
)
_NAMED = {"green": "#73bf69", "yellow": "#f2cc0c", "red": "#f2495c"}
_COLUMNS, _UNIT_IN, _WIDTH_IN = 24, 0.34, 19.0
_POINTS = 240


@dataclass(frozen=True, slots=True)
class Window:
    """What is drawn.

    Attributes:
        begin: Unix time.
        end: Unix time.
        scrape_interval_s: how often Prometheus reads the server, in seconds.
    """

    begin: float
    end: float
    scrape_interval_s: float

    @property
    def step_s(self) -> float:
        """Seconds between two points."""
        return max(self.scrape_interval_s, (self.end - self.begin) / _POINTS)


Series = list[tuple[str, list[float], list[float]]]
"""Name, Unix times and values of each line."""


def draw_dashboard(prometheus_url: str, window: Window, output: Path) -> None:
    """Asks Prometheus for all panels, and draws them into a PNG file."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = Figure(figsize=(_WIDTH_IN, (height + 1.2) * _UNIT_IN), facecolor=_BACKGROUND)
    top = 1.2 / (height + 1.2)
    figure.text(0.006, 1 - top / 2, dashboard["title"], color=_TEXT, fontsize=15, va="center", weight="bold")
    variables = _variables(dashboard, window)
    for panel in panels:
        place = panel["gridPos"]
        bottom = 1 - top - (place["y"] + place["h"]) / (height + 1.2)
        box = (place["x"] / _COLUMNS, bottom, place["w"] / _COLUMNS, place["h"] / (height + 1.2))
        if panel["type"] == "row":
            figure.text(
                0.006, box[1] + box[3] / 2, f"⌄ {panel['title']}", color=_TEXT, fontsize=11, va="center"
            )
            continue
        series = [
            line
            for target in panel["targets"]
            for line in _ask(prometheus_url, _filled(target, variables), window)
        ]
        _draw_panel(figure, panel, box, series, window)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=80, facecolor=_BACKGROUND)
    # Few colours are enough, and a third of the size.
    with Image.open(output) as picture:
        few = picture.convert("RGB").quantize(160)
    few.save(output, optimize=True)


def _variables(dashboard: Mapping[str, Any], window: Window) -> dict[str, str]:
    """The dashboard's variables, as they are when it is opened."""
    values = {"__rate_interval": f"{math.ceil(4 * window.scrape_interval_s)}s"}
    for variable in dashboard["templating"]["list"]:
        chosen = variable["current"].get("value", "")
        values[variable["name"]] = variable["allValue"] if chosen == "$__all" else chosen
    return values


def _filled(target: Mapping[str, Any], variables: Mapping[str, str]) -> tuple[str, str]:
    expression = target["expr"]
    # Longest first: a name may begin with another.
    for name in sorted(variables, key=len, reverse=True):
        expression = expression.replace(f"${name}", variables[name])
    return expression, target["legendFormat"]


def _ask(url: str, query: tuple[str, str], window: Window) -> Series:
    expression, legend = query
    parameters = urllib.parse.urlencode(
        {"query": expression, "start": window.begin, "end": window.end, "step": window.step_s}
    )
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{parameters}", timeout=60) as response:
        result = json.load(response)["data"]["result"]
    lines: Series = []
    for each in result:
        name = legend
        for label, value in each["metric"].items():
            name = name.replace(f"{{{{{label}}}}}", value)
        lines.append((name, [t for t, _ in each["values"]], [float(v) for _, v in each["values"]]))
    return lines


def _draw_panel(
    figure: Figure, panel: Mapping[str, Any], box: tuple[float, ...], series: Series, window: Window
) -> None:
    x, y, w, h = box
    gap_x, gap_y = 0.0022, 0.0022
    frame = figure.add_axes((x + gap_x, y + gap_y, w - 2 * gap_x, h - 2 * gap_y))
    frame.set_facecolor(_PANEL)
    frame.set_xticks([])
    frame.set_yticks([])
    for spine in frame.spines.values():
        spine.set_color(_GRID)
    frame.text(0.02, 1 - 0.3 / panel["gridPos"]["h"], panel["title"], color=_TEXT, fontsize=8.5, va="top")
    draw: Callable[[Axes, Mapping[str, Any], Series, Window], None]
    match panel["type"]:
        case "stat":
            draw, inner = _draw_stat, (0.0, 0.0, 1.0, 0.72)
        case "state-timeline":
            draw, inner = _draw_states, (0.3, 0.26, 0.66, 0.56)
        case _:
            draw, inner = _draw_lines, (0.12, 0.28, 0.85, 0.6)
    axes = figure.add_axes(
        (
            x + inner[0] * w + gap_x,
            y + inner[1] * h + gap_y,
            inner[2] * w - 2 * gap_x,
            inner[3] * h - 2 * gap_y,
        )
    )
    axes.patch.set_alpha(0)
    axes.tick_params(colors=_FAINT, labelsize=6.5, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if series:
        draw(axes, panel, series, window)
    else:
        axes.axis("off")
        axes.text(0.5, 0.5, "No data", color=_FAINT, ha="center", transform=axes.transAxes, fontsize=9)


def _draw_stat(axes: Axes, panel: Mapping[str, Any], series: Series, window: Window) -> None:  # noqa: ARG001
    defaults = panel["fieldConfig"]["defaults"]
    _, times, values = series[0]
    known = [(time, value) for time, value in zip(times, values, strict=True) if math.isfinite(value)]
    axes.axis("off")
    if not known:
        axes.text(0.5, 0.5, "No data", color=_FAINT, ha="center", transform=axes.transAxes, fontsize=9)
        return
    last = known[-1][1]
    colour = _NAMED["green"]
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or last >= step["value"]:
            colour = _NAMED[step["color"]]
    axes.fill_between([t for t, _ in known], [v for _, v in known], color=colour, alpha=0.25, linewidth=0)
    axes.set_ylim(0, max(max(v for _, v in known) * 2.2, 1e-9))
    axes.margins(x=0)
    shown = _in_unit(last, defaults.get("unit", "none"))
    axes.text(0.5, 0.55, shown, color=colour, ha="center", va="center", transform=axes.transAxes, fontsize=20)


def _draw_lines(axes: Axes, panel: Mapping[str, Any], series: Series, window: Window) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults.get("custom", {})
    grid = [
        window.begin + place * window.step_s
        for place in range(int((window.end - window.begin) / window.step_s) + 1)
    ]
    begun = [0.0] * len(grid)
    days = [time / 86_400 for time in grid]
    for number, (name, times, values) in enumerate(series):
        at = dict(zip((round((t - window.begin) / window.step_s) for t in times), values, strict=True))
        line = [at.get(place, math.nan) for place in range(len(grid))]
        colour = _COLOURS[number % len(_COLOURS)]
        if custom.get("stacking"):
            line = [
                low + (0.0 if math.isnan(value) else value) for low, value in zip(begun, line, strict=True)
            ]
            axes.fill_between(days, begun, line, color=colour, alpha=0.55, linewidth=0)
            begun = line
        else:
            axes.fill_between(
                days, 0, line, color=colour, alpha=custom.get("fillOpacity", 0) / 100, linewidth=0
            )
        axes.plot(days, line, color=colour, linewidth=1.1, label=name or "value")
    axes.set_xlim(days[0], days[-1])
    axes.set_ylim(bottom=0)
    if axes.get_ylim()[1] <= 0:
        axes.set_ylim(0, 1)
    axes.grid(visible=True, color=_GRID, linewidth=0.6)
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=6))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_formatter(lambda value, _: _in_unit(value, defaults.get("unit", "none")))
    axes.yaxis.set_major_locator(axes.yaxis.get_major_locator())
    axes.locator_params(axis="y", nbins=5)
    legend = axes.legend(
        loc="upper left",
        bbox_to_anchor=(-0.12, -0.14),
        ncols=2 if len(series) > 3 else 4,
        fontsize=5.8,
        frameon=False,
        handlelength=1.0,
        columnspacing=0.9,
        labelspacing=0.25,
        borderaxespad=0,
    )
    for text in legend.get_texts():
        text.set_color(_TEXT)


def _draw_states(axes: Axes, panel: Mapping[str, Any], series: Series, window: Window) -> None:
    """A line for each server, in the colour of its state."""
    options = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    for row, (_, times, values) in enumerate(series):
        for time, value in zip(times, values, strict=True):
            colour = _NAMED[options[str(int(value))]["color"]]
            axes.barh(row, window.step_s / 86_400, left=time / 86_400, height=0.7, color=colour, linewidth=0)
    axes.set_yticks(range(len(series)), [name for name, _, _ in series], fontsize=6.5)
    axes.set_xlim(window.begin / 86_400, window.end / 86_400)
    axes.set_ylim(len(series) - 0.4, -0.6)
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=5))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    for place, option in enumerate(options.values()):
        axes.text(
            place * 0.3,
            -0.26,
            f"■ {option['text']}",
            color=_NAMED[option["color"]],
            transform=axes.transAxes,
            fontsize=6.5,
        )


def _in_unit(value: float, unit: str) -> str:
    match unit:
        case "s":
            return f"{value:.3g} s" if value >= 1 else f"{value * 1_000:.3g} ms"
        case "percentunit":
            return f"{value:.3g} %" if value == 0 else f"{value * 100:.3g} %"
        case "bytes":
            return f"{value / 2**20:.0f} MiB"
        case "reqps" | "ops":
            return f"{value:.3g}/s"
        case _:
            return f"{value:.4g}"
