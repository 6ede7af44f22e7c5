"""Writes what an evaluation found into a folder, for people and for programs: `write_report`."""

from pathlib import Path

import msgspec

from gistwire_training.evaluation.comparison import Evaluation
from gistwire_training.evaluation.display import draw_samples
from gistwire_training.evaluation.html_report import html_report
from gistwire_training.evaluation.markdown_report import markdown_report
from gistwire_training.evaluation.plots import (
    DARK,
    LIGHT,
    Plot,
    plot_copying,
    plot_metrics,
    plot_rouge_by_length,
    render,
)

EVALUATION_FILE = "evaluation.json"
HTML_FILE = "report.html"
MARKDOWN_FILE = "report.md"
_PLOT_FOLDER = "plots"

_PLOTS: dict[str, tuple[str, Plot]] = {
    "metrics": ("Figures of each system and source, with 95 % intervals", plot_metrics),
    "rouge_by_length": ("ROUGE by length of the article, with 95 % intervals", plot_rouge_by_length),
    "copying": ("How much of the article the outputs copy", plot_copying),
}


def write_report(evaluation: Evaluation, folder: Path, *, samples: int = 40, seed: int = 0) -> Path:
    """Writes ``report.html``, ``report.md`` with its ``plots/``, and ``evaluation.json``. Blocks for seconds.

    Args:
        evaluation: what was found.
        folder: where to; it is made if it is missing, and files in it are replaced.
        samples: how many pairs are shown with all outputs.
        seed: another seed draws other samples.

    Returns:
        the path of ``report.html``, which needs no other file.
    """
    (folder / _PLOT_FOLDER).mkdir(parents=True, exist_ok=True)
    drawn = draw_samples(evaluation, samples, seed)
    pictures: dict[str, tuple[bytes, bytes]] = {}
    paths: dict[str, str] = {}
    for name, (caption, plot) in _PLOTS.items():
        paths[caption] = f"{_PLOT_FOLDER}/{name}.png"
        (folder / paths[caption]).write_bytes(render(plot, evaluation, LIGHT, file_format="png"))
        light, dark = (render(plot, evaluation, theme, file_format="svg") for theme in (LIGHT, DARK))
        pictures[caption] = (light, dark)
    (folder / EVALUATION_FILE).write_bytes(msgspec.json.encode(evaluation))
    (folder / MARKDOWN_FILE).write_text(markdown_report(evaluation, drawn, paths), encoding="utf-8")
    path = folder / HTML_FILE
    path.write_text(html_report(evaluation, drawn, pictures), encoding="utf-8")
    return path
