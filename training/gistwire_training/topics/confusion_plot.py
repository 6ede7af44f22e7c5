"""The confusion of categories as a picture: `draw_confusion`, one panel for each head."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from gistwire_training.topics.report import HeadReport

_INCHES_PER_LABEL = 0.5
_DARK = 0.55
"""Share from which a cell is dark, and its number white."""


def draw_confusion(heads: Sequence[HeadReport], path: Path) -> None:
    """Draws which category test articles of each category were given, in percent of the row.

    Args:
        heads: at least one.
        path: the picture; its suffix names the format, such as ``.png`` or ``.svg``.

    Raises:
        OSError: it cannot be written.
    """
    sides = [max(len(head.labels) * _INCHES_PER_LABEL, 3.0) + 1.8 for head in heads]
    # Categories may hold a dollar sign, which would begin a formula.
    with mpl.rc_context({"font.size": 8, "text.parse_math": False, "svg.hashsalt": "gistwire"}):
        figure = Figure(figsize=(sum(sides), max(sides) - 1), layout="constrained")
        grid = figure.subplots(1, len(heads), squeeze=False, width_ratios=sides)
        for axes, head in zip(grid.flat, heads, strict=True):
            counts = np.array(head.confusion, dtype=float)
            shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
            places = range(len(head.labels))
            axes.set_xticks(places, head.labels, rotation=40, ha="right", rotation_mode="anchor")
            rows = [
                f"{label} ({total:.0f})" for label, total in zip(head.labels, counts.sum(axis=1), strict=True)
            ]
            axes.set_yticks(places, rows)
            for row, column in np.ndindex(*shares.shape):
                percent = round(100 * shares[row, column])
                if percent:
                    color = "white" if shares[row, column] > _DARK else "#1c2430"
                    axes.text(column, row, str(percent), ha="center", va="center", color=color)
            axes.set_xlabel("predicted, in percent of the row")
            axes.set_ylabel("category (test articles)")
            figures = head.figures
            title = f"{head.language}: accuracy {figures.accuracy:.3f}, macro F1 {figures.macro_f1:.3f}"
            axes.set_title(title, loc="left", fontweight="bold")
        # Without the date, equal pictures are equal files.
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=144, metadata=metadata)
