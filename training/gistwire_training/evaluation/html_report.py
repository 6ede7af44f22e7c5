"""The report of an evaluation as one HTML file that needs no other and no network; written by report.py."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files

from gistwire_training.evaluation.comparison import (
    EvaluatedPair,
    Evaluation,
    Figure,
    Output,
    SourceFigures,
    SystemFigures,
)
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

# Should a text get past the escaping, it still could load and run nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def html_report(
    evaluation: Evaluation, samples: Sequence[Sample], plots: Mapping[str, tuple[bytes, bytes]]
) -> str:
    """Writes the report.

    Args:
        evaluation: what was found.
        samples: pairs to show with all outputs.
        plots: SVG for light and for dark surroundings, by the caption.
    """
    title = escape(TITLES[evaluation.task])
    style = files("gistwire_training.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            f"<header><h1>{title}</h1><p>{escape(describe(evaluation))}</p></header>",
            "<main>",
            *_results(evaluation),
            *_plots(plots),
            *_meanings(),
            *_samples(samples),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _results(evaluation: Evaluation) -> Iterator[str]:
    yield (
        '<p class="legend"><span class="best">●</span> best baseline in this column. Below each figure its 95 % '
        'interval, and for systems the difference to the best baseline: <span class="better">better</span>, '
        '<span class="worse">worse</span>, or <span class="open">undecided</span> where the interval holds '
        "zero. Figures are in per cent, but for lengths.</p>"
    )
    for source in evaluation.sources:
        yield f"<section><h2>{_text(source_name(source.source))} <small>{source.pairs} pairs</small></h2>"
        yield from _table(source, JUDGING_METRICS)
        yield "<details><summary>Length and copying</summary>"
        yield from _table(source, DESCRIBING_METRICS)
        yield "</details></section>"


def _table(source: SourceFigures, metrics: Sequence[Metric]) -> Iterator[str]:
    headings = "".join(
        f'<th scope="col" title="{escape(metric.meaning)}">{escape(metric.label)}</th>' for metric in metrics
    )
    yield f'<div class="scroll"><table><thead><tr><th scope="col">System</th>{headings}</tr></thead><tbody>'
    yield from (_row(system, metrics) for system in source.systems)
    yield "</tbody></table></div>"


def _row(system: SystemFigures, metrics: Sequence[Metric]) -> str:
    cells = "".join(_cell(metric, system.figures[metric.name]) for metric in metrics)
    kind = "baseline" if system.is_baseline else "system"
    return f'<tr class="{kind}"><th scope="row">{_text(system.system)}</th>{cells}</tr>'


def _cell(metric: Metric, figure: Figure) -> str:
    mark = '<span class="best" title="best baseline">●</span> ' if figure.is_best_baseline else ""
    lines = [
        f"{mark}<b>{format_value(metric, figure.estimate.value)}</b>",
        f'<span class="interval">{format_interval(metric, figure.estimate)}</span>',
    ]
    if figure.difference is not None:
        verdict = {True: "better", False: "worse", None: "open"}[is_improvement(metric, figure.difference)]
        lines.append(f'<span class="{verdict}">{format_difference(metric, figure.difference)}</span>')
    return f"<td>{'<br>'.join(lines)}</td>"


def _plots(plots: Mapping[str, tuple[bytes, bytes]]) -> Iterator[str]:
    yield "<section><h2>Plots</h2>"
    for caption, (light, dark) in plots.items():
        yield (
            "<figure><picture>"
            f'<source media="(prefers-color-scheme: dark)" srcset="{_data_uri(dark)}">'
            f'<img src="{_data_uri(light)}" alt="{escape(caption)}">'
            f"</picture><figcaption>{escape(caption)}</figcaption></figure>"
        )
    yield "</section>"


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _meanings() -> Iterator[str]:
    yield "<section><h2>What the columns mean</h2><dl>"
    yield from (f"<dt>{escape(metric.label)}</dt><dd>{escape(metric.meaning)}</dd>" for metric in METRICS)
    yield "</dl></section>"


def _samples(samples: Sequence[Sample]) -> Iterator[str]:
    yield f"<section><h2>Samples <small>{len(samples)} pairs drawn at random</small></h2>"
    yield from (_sample(number, *sample) for number, sample in enumerate(samples, start=1))
    yield "</section>"


def _sample(number: int, pair: EvaluatedPair, outputs: Sequence[tuple[str, Output]]) -> str:
    written = "".join(_output_row(system, output, pair.language) for system, output in outputs)
    return (
        "<article>"
        f'<p class="origin">{number} · {_text(source_name(pair.source))} · {_text(pair.id)}</p>'
        f"<h3>{_bdi(pair.headline, pair.language)}</h3>"
        f'<p class="body">{_bdi(pair.body_start, pair.language)}</p>'
        '<div class="scroll"><table class="outputs"><thead><tr><th scope="col"></th><th scope="col">Text</th>'
        '<th scope="col">ROUGE</th><th scope="col">BLEU</th><th scope="col">Copied</th></tr></thead><tbody>'
        f'<tr class="reference"><th scope="row">reference</th><td>{_bdi(pair.reference, pair.language)}</td>'
        f"<td></td><td></td><td></td></tr>{written}</tbody></table></div></article>"
    )


def _output_row(system: str, output: Output, language: str) -> str:
    measures = output.measures
    unsupported = ", ".join(measures.unsupported_items)
    warning = (
        f'<br><span class="worse">not in the article: {_bdi(unsupported, language)}</span>'
        if unsupported
        else ""
    )
    text = _bdi(output.text, language) if output.text else '<span class="open">nothing</span>'
    return (
        f'<tr><th scope="row">{_text(system)}</th><td>{text}{warning}</td>'
        f"<td>{100 * measures.rouge:.0f}</td><td>{100 * measures.sentence_bleu:.0f}</td>"
        f"<td>{100 * measures.copied_bigrams:.0f}</td></tr>"
    )


def _text(text: str) -> str:
    return escape(safe_text(text))


def _bdi(text: str, language: str) -> str:
    """A text whose direction is its own and does not change that of what stands around it."""
    return f'<bdi lang="{_text(language)}">{_text(text)}</bdi>'
