"""The report of an evaluation as Markdown, for reading in a terminal or a code host; written by report.py."""

import re
from collections.abc import Mapping, Sequence

from gistwire_training.evaluation.comparison import EvaluatedPair, Evaluation, Output, SourceFigures
from gistwire_training.evaluation.corpus_metrics import METRICS, Metric
from gistwire_training.evaluation.display import (
    DESCRIBING_METRICS,
    JUDGING_METRICS,
    TITLES,
    Sample,
    describe,
    format_difference,
    format_interval,
    format_value,
    is_improvement,
    safe_text,
    source_name,
)

_MARKUP = re.compile(r"([\\`*_\[\]<>#|~$&!@])")


def markdown_report(evaluation: Evaluation, samples: Sequence[Sample], plots: Mapping[str, str]) -> str:
    """Writes the report.

    Args:
        evaluation: what was found.
        samples: pairs to show with all outputs.
        plots: path of each picture, relative to the report, by its caption.
    """
    sections = [
        f"# {TITLES[evaluation.task]}",
        describe(evaluation),
        "The best baseline of each source and metric is in **bold**. Figures are in per cent, but for lengths.",
        *(_source_section(source) for source in evaluation.sources),
        "## Plots",
        *(f"![{_escape(caption)}]({path})" for caption, path in plots.items()),
        "## What the columns mean",
        "\n".join(f"- **{metric.label}**: {metric.meaning}" for metric in METRICS),
        f"## {len(samples)} pairs drawn at random",
        *(_sample_section(number, *sample) for number, sample in enumerate(samples, start=1)),
    ]
    return "\n\n".join(sections) + "\n"


def _source_section(source: SourceFigures) -> str:
    parts = [
        f"## {_escape(source_name(source.source))} ({source.pairs} pairs)",
        _figures_table(source, JUDGING_METRICS),
        _differences_table(source),
        _figures_table(source, DESCRIBING_METRICS),
    ]
    return "\n\n".join(part for part in parts if part)


def _figures_table(source: SourceFigures, metrics: Sequence[Metric]) -> str:
    rows = []
    for system in source.systems:
        cells = []
        for metric in metrics:
            figure = system.figures[metric.name]
            value = format_value(metric, figure.estimate.value)
            marked = f"**{value}**" if figure.is_best_baseline else value
            cells.append(f"{marked} ({format_interval(metric, figure.estimate)})")
        rows.append([_escape(system.system), *cells])
    return _table(["system", *(metric.label for metric in metrics)], rows)


def _differences_table(source: SourceFigures) -> str:
    """Differences to the best baseline; empty if there is no baseline or nothing to compare with it."""
    rows = []
    for system in source.systems:
        cells = []
        for metric in JUDGING_METRICS:
            difference = system.figures[metric.name].difference
            if difference is not None:
                mark = {True: " ▲", False: " ▼", None: ""}[is_improvement(metric, difference)]
                cells.append(format_difference(metric, difference) + mark)
        if cells:
            rows.append([_escape(system.system), *cells])
    if not rows:
        return ""
    legend = "Difference to the best baseline; ▲ better and ▼ worse where the interval excludes zero:"
    headings = ["system", *(metric.label for metric in JUDGING_METRICS)]
    return f"{legend}\n\n{_table(headings, rows)}"


def _sample_section(number: int, pair: EvaluatedPair, outputs: Sequence[tuple[str, Output]]) -> str:
    rows = [["*reference*", _escape(pair.reference), "", "", ""]]
    rows += [
        [
            _escape(system),
            _escape(output.text) or "*nothing*",
            f"{100 * output.measures.rouge:.0f}",
            f"{100 * output.measures.sentence_bleu:.0f}",
            _escape(", ".join(output.measures.unsupported_items)),
        ]
        for system, output in outputs
    ]
    return "\n\n".join(
        [
            f"### {number}. {_escape(pair.headline)}",
            f"*{_escape(source_name(pair.source))}, {_escape(pair.id)}*",
            f"> {_escape(pair.body_start)}",
            _table(["", "text", "ROUGE", "BLEU", "not in the article"], rows),
        ]
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(text: str) -> str:
    """Makes a text stand for itself: no markup, no links, no mentions."""
    escaped = _MARKUP.sub(r"\\\1", safe_text(text))
    return escaped.replace("://", r"\://").replace("www.", r"www\.")
