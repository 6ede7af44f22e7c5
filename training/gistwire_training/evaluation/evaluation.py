"""Runs systems over pairs and compares them: `evaluate`, called by `gistwire-train evaluate`."""

from collections.abc import Sequence
from typing import Protocol

from gistwire_training.errors import TrainingDataError
from gistwire_training.evaluation.baselines import System
from gistwire_training.evaluation.comparison import (
    EvaluatedPair,
    Evaluation,
    Output,
    SystemRun,
    check_system_names,
    compare,
)
from gistwire_training.evaluation.metrics import PairMeasurer
from gistwire_training.evaluation.tasks import Task, article_of, is_usable, reference_of, visible_part
from gistwire_training.pairs import Pair

_SHOWN_BODY_CHARACTERS = 600


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
        progress: is called after every batch that a system wrote, and every pair that was measured.

    Raises:
        TrainingDataError: there are no pairs, or one of them has no reference or no body.
        RecipeError: there is no system, or two have the same name.
        ValueError: a system did not return one text for each pair.
    """
    report = progress or _ignore
    _check_pairs(pairs, task)
    everyone = (*baselines, *systems)
    # Now, rather than after hours of writing.
    check_system_names([system.name for system in everyone])
    visible = [visible_part(pair, task) for pair in pairs]
    texts = [_write(system, visible, batch_size=batch_size, progress=report) for system in everyone]
    evaluated: list[EvaluatedPair] = []
    outputs: list[list[Output]] = []
    for place, pair in enumerate(pairs):
        described, measured = _measure(pair, task, [of_system[place] for of_system in texts])
        evaluated.append(described)
        outputs.append(measured)
        report("measuring", place + 1, len(pairs))
    runs = [
        SystemRun(
            system=system.name,
            is_baseline=number < len(baselines),
            outputs=tuple(of_pair[number] for of_pair in outputs),
        )
        for number, system in enumerate(everyone)
    ]
    return compare(task, tuple(evaluated), runs, resamples=resamples, seed=seed)


def _ignore(stage: str, done: int, total: int) -> None:
    """Progress that nobody asked for."""


def _check_pairs(pairs: Sequence[Pair], task: Task) -> None:
    if not pairs:
        raise TrainingDataError("there are no pairs to evaluate on")
    unusable = next((pair for pair in pairs if not is_usable(pair, task)), None)
    if unusable is not None:
        raise TrainingDataError(f"pair {unusable.id} has no body or no {task} to compare with")


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
        body_start=_start(_one_line(pair.body)),
        reference=reference,
        article_length=measurer.article_length,
    )
    return described, [Output(text, measurer.measure(text)) for text in texts]


def _start(text: str) -> str:
    if len(text) <= _SHOWN_BODY_CHARACTERS:
        return text
    return text[:_SHOWN_BODY_CHARACTERS].rstrip() + "…"


def _one_line(text: str) -> str:
    """The text without line breaks and lone surrogates, which no file can hold."""
    return " ".join(text.encode(errors="replace").decode().split())
