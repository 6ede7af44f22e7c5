"""Runs systems over pairs and compares them: `evaluate`, called by `gistwire-train evaluate`."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from gistwire_training.errors import RecipeError, TrainingDataError
from gistwire_training.evaluation.baselines import System
from gistwire_training.evaluation.bootstrap import Bootstrap, Estimate
from gistwire_training.evaluation.corpus_metrics import METRICS, Metric
from gistwire_training.evaluation.metrics import Measures, PairMeasurer
from gistwire_training.evaluation.tasks import Task, article_of, is_usable, reference_of, visible_part
from gistwire_training.pairs import Pair

_SHOWN_BODY_CHARACTERS = 600


class EvaluatedPair(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation keeps of a pair.

    Attributes:
        id: the pair's identifier.
        source: the outlet or data set.
        language: ISO 639-1 code, or ``"und"``.
        headline: the headline, whether or not systems saw it.
        body_start: the first 600 characters of the body.
        reference: what a person wrote.
        article_length: words that systems could see; in Chinese, Japanese and Korean characters.
    """

    id: str
    source: str
    language: str
    headline: str
    body_start: str
    reference: str
    article_length: int


class Output(msgspec.Struct, frozen=True):
    """What a system wrote for one pair.

    Attributes:
        text: the text, on one line.
        measures: what it measures.
    """

    text: str
    measures: Measures


class SystemRun(msgspec.Struct, frozen=True, kw_only=True):
    """All that one system wrote.

    Attributes:
        system: its name.
        is_baseline: whether it is one of those that others are compared with.
        outputs: one for each pair, in the order of `Evaluation.pairs`.
    """

    system: str
    is_baseline: bool
    outputs: tuple[Output, ...]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one system on one source.

    Attributes:
        estimate: the figure with its 95 % confidence interval.
        is_best_baseline: whether the system is the baseline that is best in this metric.
        difference: by how much the figure exceeds that of the best baseline; None for baselines, where there
            are none, and for metrics that do not judge.
    """

    estimate: Estimate
    is_best_baseline: bool = False
    difference: Estimate | None = None


class SystemFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All metrics of one system on one source.

    Attributes:
        system: the system's name.
        is_baseline: whether it is a baseline.
        figures: by the name of the metric.
    """

    system: str
    is_baseline: bool
    figures: dict[str, Figure]


class SourceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All systems on one source.

    Attributes:
        source: the source; None for the pairs of all sources together.
        pairs: number of pairs.
        systems: baselines first, each in the order they were given.
    """

    source: str | None
    pairs: int
    systems: tuple[SystemFigures, ...]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Systems compared on the same pairs.

    Attributes:
        task: what they were asked to write.
        pairs: what they were asked about.
        runs: what they wrote, baselines first.
        sources: their figures; those of all sources together first, if there is more than one.
        resamples: number of bootstrap resamples behind each interval.
        seed: of the resamples.
    """

    task: Task
    pairs: tuple[EvaluatedPair, ...]
    runs: tuple[SystemRun, ...]
    sources: tuple[SourceFigures, ...]
    resamples: int
    seed: int

    def merge(self, other: "Evaluation") -> "Evaluation":
        """Returns one evaluation of the systems of both, such as a model before and after fine-tuning.

        A system that both have, with the same outputs, is taken once. Figures are computed anew, so that all
        systems are compared with the best baseline of both.

        Raises:
            RecipeError: the two are of different tasks or pairs, or have different systems of the same name.
        """
        if self.task != other.task or self.pairs != other.pairs:
            raise RecipeError("only evaluations of the same task on the same pairs can be merged")
        own = {run.system: run for run in self.runs}
        new = tuple(run for run in other.runs if own.get(run.system) != run)
        return _compared(self.task, self.pairs, (*self.runs, *new), resamples=self.resamples, seed=self.seed)


class Progress(Protocol):
    """Is told how far an evaluation has come."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Takes the news.

        Args:
            stage: the name of the system that writes, or ``"measuring"`` at the end.
            done: pairs done in this stage.
            total: all pairs of this stage.
        """
        ...


def evaluate(
    systems: Sequence[System],
    pairs: Sequence[Pair],
    task: Task,
    *,
    baselines: Sequence[System] = (),
    resamples: int = 1000,
    seed: int = 0,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> Evaluation:
    """Has systems write a text for each pair, and compares the texts with what people wrote. Blocks.

    Args:
        systems: what is evaluated.
        pairs: articles with a reference, as `select_pairs` draws them.
        task: what is to be written; decides what of the pairs the systems see.
        baselines: what it is compared with.
        resamples: number of bootstrap resamples.
        seed: of the resamples.
        batch_size: number of pairs that a system is given at a time.
        progress: is called after every batch.

    Raises:
        TrainingDataError: there are no pairs, or one of them has no reference or no body.
        RecipeError: there is no system, or two have the same name.
        ValueError: a system did not return one text for each pair.
    """
    report = progress or _ignore
    _check_pairs(pairs, task)
    visible = [visible_part(pair, task) for pair in pairs]
    _check_names([system.name for system in (*baselines, *systems)])
    texts = [
        _write(system, visible, batch_size=batch_size, progress=report) for system in (*baselines, *systems)
    ]
    evaluated: list[EvaluatedPair] = []
    outputs: list[list[Output]] = []
    for place, pair in enumerate(pairs):
        described, measured = _measure(pair, task, [each[place] for each in texts])
        evaluated.append(described)
        outputs.append(measured)
        if (place + 1) % batch_size == 0 or place + 1 == len(pairs):
            report("measuring", place + 1, len(pairs))
    runs = tuple(
        SystemRun(system=system.name, is_baseline=number < len(baselines), outputs=of_system)
        for number, (system, of_system) in enumerate(
            zip((*baselines, *systems), zip(*outputs, strict=True), strict=True)
        )
    )
    return _compared(task, tuple(evaluated), runs, resamples=resamples, seed=seed)


def read_evaluation(path: Path) -> Evaluation:
    """Reads ``evaluation.json``.

    Raises:
        TrainingDataError: the file is missing or malformed.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except FileNotFoundError as error:
        raise TrainingDataError(f"{path} is missing") from error
    except msgspec.DecodeError as error:
        raise TrainingDataError(f"{path}: {error}") from error


def _ignore(stage: str, done: int, total: int) -> None:
    """Progress that nobody asked for."""


def _check_pairs(pairs: Sequence[Pair], task: Task) -> None:
    if not pairs:
        raise TrainingDataError("there are no pairs to evaluate on")
    unusable = next((pair for pair in pairs if not is_usable(pair, task)), None)
    if unusable is not None:
        raise TrainingDataError(f"pair {unusable.id} has no body or no {task} to compare with")


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise RecipeError("there is no system to evaluate")
    if len(set(names)) < len(names):
        raise RecipeError(f"two systems have the same name: {', '.join(sorted(names))}")


def _write(system: System, visible: Sequence[Pair], *, batch_size: int, progress: Progress) -> list[str]:
    texts: list[str] = []
    for start in range(0, len(visible), batch_size):
        batch = visible[start : start + batch_size]
        written = system.summarize(batch)
        if len(written) != len(batch):
            raise ValueError(f"{system.name} wrote {len(written)} texts for {len(batch)} pairs")
        texts.extend(map(_one_line, written))
        progress(system.name, len(texts), len(visible))
    return texts


def _measure(pair: Pair, task: Task, texts: Sequence[str]) -> tuple[EvaluatedPair, list[Output]]:
    reference = _one_line(reference_of(pair, task))
    measurer = PairMeasurer(reference=reference, article=article_of(pair, task), language=pair.language)
    described = EvaluatedPair(
        id=pair.id,
        source=pair.source,
        language=pair.language,
        headline=_one_line(pair.headline),
        body_start=_one_line(pair.body[:_SHOWN_BODY_CHARACTERS]),
        reference=reference,
        article_length=measurer.article_length,
    )
    return described, [Output(text, measurer.measure(text)) for text in texts]


def _one_line(text: str) -> str:
    """The text without line breaks and lone surrogates, which no file can hold."""
    return " ".join(text.encode(errors="replace").decode().split())


def _compared(
    task: Task,
    pairs: tuple[EvaluatedPair, ...],
    runs: Sequence[SystemRun],
    *,
    resamples: int,
    seed: int,
) -> Evaluation:
    _check_names([run.system for run in runs])
    # False sorts before True.
    ordered = tuple(sorted(runs, key=lambda run: not run.is_baseline))
    sources = []
    for source, places in _groups(pairs):
        bootstrap = Bootstrap(len(places), resamples=resamples, seed=seed)
        sources.append(_source_figures(source, places, ordered, bootstrap))
    return Evaluation(
        task=task, pairs=pairs, runs=ordered, sources=tuple(sources), resamples=resamples, seed=seed
    )


def _groups(pairs: Sequence[EvaluatedPair]) -> Iterator[tuple[str | None, list[int]]]:
    """Yields all places together, if there are several sources, and then those of each source."""
    names = sorted({pair.source for pair in pairs})
    if len(names) > 1:
        yield None, list(range(len(pairs)))
    for name in names:
        yield name, [place for place, pair in enumerate(pairs) if pair.source == name]


def _source_figures(
    source: str | None, places: Sequence[int], runs: Sequence[SystemRun], bootstrap: Bootstrap
) -> SourceFigures:
    by_metric = {metric.name: _metric_figures(metric, places, runs, bootstrap) for metric in METRICS}
    systems = tuple(
        SystemFigures(
            system=run.system,
            is_baseline=run.is_baseline,
            figures={name: figures[number] for name, figures in by_metric.items()},
        )
        for number, run in enumerate(runs)
    )
    return SourceFigures(source=source, pairs=len(places), systems=systems)


def _metric_figures(
    metric: Metric, places: Sequence[int], runs: Sequence[SystemRun], bootstrap: Bootstrap
) -> list[Figure]:
    """Computes the figures of all systems, in order."""
    rows = [_rows(metric, places, run) for run in runs]
    estimates = [bootstrap.estimate(each, metric.statistic) for each in rows]
    best = _best_baseline(metric, runs, estimates)
    return [
        Figure(
            estimate=estimate,
            is_best_baseline=number == best,
            difference=(
                None
                if best is None or run.is_baseline
                else bootstrap.estimate_difference(rows[number], rows[best], metric.statistic)
            ),
        )
        for number, (run, estimate) in enumerate(zip(runs, estimates, strict=True))
    ]


def _rows(metric: Metric, places: Sequence[int], run: SystemRun) -> NDArray[np.float64]:
    return np.array([metric.summands(run.outputs[place].measures) for place in places], dtype=np.float64)


def _best_baseline(metric: Metric, runs: Sequence[SystemRun], estimates: Sequence[Estimate]) -> int | None:
    """Finds the baseline that is best on these very pairs, which makes it the harder to beat."""
    sign: Callable[[float], float]
    match metric.better:
        case None:
            return None
        case "higher":
            sign = float
        case "lower":
            sign = float.__neg__
    baselines = [number for number, run in enumerate(runs) if run.is_baseline]
    return max(baselines, key=lambda number: sign(estimates[number].value), default=None)
