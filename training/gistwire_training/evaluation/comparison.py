"""What an evaluation found, as it is kept in ``evaluation.json``, and the comparison behind it.

`compare` is called by evaluation.py, and again by `Evaluation.merge`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from gistwire_training.errors import RecipeError, TrainingDataError
from gistwire_training.evaluation.bootstrap import Bootstrap, Estimate
from gistwire_training.evaluation.corpus_metrics import METRICS, Metric
from gistwire_training.evaluation.metrics import Measures
from gistwire_training.evaluation.tasks import Task


class EvaluatedPair(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation keeps of a pair.

    Attributes:
        id: the pair's identifier.
        source: the outlet or data set.
        language: ISO 639-1 code, or ``"und"``.
        headline: the headline, whether or not systems saw it.
        body_start: the body, or the first 600 characters of it and "…".
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
        return compare(self.task, self.pairs, (*self.runs, *new), resamples=self.resamples, seed=self.seed)


def compare(
    task: Task,
    pairs: tuple[EvaluatedPair, ...],
    runs: Sequence[SystemRun],
    *,
    resamples: int,
    seed: int,
) -> Evaluation:
    """Computes the figures of systems and their differences to the best baselines.

    Args:
        task: what the systems were asked to write.
        pairs: what they were asked about.
        runs: what they wrote.
        resamples: number of bootstrap resamples.
        seed: of the resamples.

    Raises:
        RecipeError: there is no system, or two have the same name.
    """
    check_system_names([run.system for run in runs])
    # False sorts before True.
    ordered = tuple(sorted(runs, key=lambda run: not run.is_baseline))
    sources = []
    for source, places in _groups(pairs):
        bootstrap = Bootstrap(len(places), resamples=resamples, seed=seed)
        sources.append(_source_figures(source, places, ordered, bootstrap))
    return Evaluation(
        task=task, pairs=pairs, runs=ordered, sources=tuple(sources), resamples=resamples, seed=seed
    )


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


def check_system_names(names: Sequence[str]) -> None:
    """Checks that there are systems, and that their names tell them apart.

    Raises:
        RecipeError: there is no system, or two have the same name.
    """
    if not names:
        raise RecipeError("there is no system to evaluate")
    if len(set(names)) < len(names):
        raise RecipeError(f"two systems have the same name: {', '.join(sorted(names))}")


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
    if metric.better is None:
        return None
    sign = 1 if metric.better == "higher" else -1
    baselines = [number for number, run in enumerate(runs) if run.is_baseline]
    return max(baselines, key=lambda number: sign * estimates[number].value, default=None)
