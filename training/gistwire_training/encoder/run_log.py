"""Tells how a fine-tuning run goes: its caller, ``metrics.jsonl`` and a log of scalars; used by `training`."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

from gistwire_training.scalar_log import ScalarLog

METRICS_FILE = "metrics.jsonl"

_FIGURES = ("loss", "learning_rate", "pairs_per_s", "validation_ndcg")

Stage = Literal["mining", "training", "interpolating"]


class EncoderProgress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a run is; each of the stage "training" is also a line of ``metrics.jsonl``.

    Attributes:
        stage: what is being done.
        done: what is done of it: headlines, optimizer steps, or interpolation weights.
        total: how much there is.
        loss: mean of the training loss since the last report; None if nothing was trained since.
        learning_rate: of the topmost layer, in the last step.
        pairs_per_s: pairs trained on, a second, since the last report; evaluations don't count.
        validation_ndcg: nDCG@10 on the validation pairs, in [0, 1]; None where it was not measured.
    """

    stage: Stage
    done: int
    total: int
    loss: float | None = None
    learning_rate: float | None = None
    pairs_per_s: float | None = None
    validation_ndcg: float | None = None


OnProgress = Callable[[EncoderProgress], None]


class RunLog:
    """Gathers what steps tell and writes it down. A context manager."""

    def __init__(self, folder: Path, *, done: int, total: int, on_progress: OnProgress) -> None:
        """Opens the log of a run; what it holds of steps after `done` is dropped, for they will be done again.

        Args:
            folder: the run's folder.
            done: steps that are done.
            total: steps of the run.
            on_progress: called with each report.
        """
        self._path = folder / METRICS_FILE
        self._total = total
        self._on_progress = on_progress
        self._losses: list[float] = []
        self._pairs = 0
        self._seconds = 0.0
        _drop_later_lines(self._path, done)
        self._log = ScalarLog(folder, purge_step=done + 1 if done else None)

    def __enter__(self) -> "RunLog":
        """Returns itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the log."""
        self._log.close()

    def add(self, loss: float, *, pairs: int, started: float) -> None:
        """Takes down a step.

        Args:
            loss: its loss.
            pairs: pairs it trained on.
            started: when it began, by `time.monotonic`.
        """
        self._losses.append(loss)
        self._pairs += pairs
        self._seconds += time.monotonic() - started

    def report(self, step: int, *, learning_rate: float, validation_ndcg: float | None = None) -> None:
        """Writes what was taken down since the last report, and tells it.

        Args:
            step: steps that are done.
            learning_rate: of the topmost layer, in the last step.
            validation_ndcg: if it was measured after this step.
        """
        progress = EncoderProgress(
            stage="training",
            done=step,
            total=self._total,
            loss=sum(self._losses) / len(self._losses) if self._losses else None,
            learning_rate=learning_rate,
            pairs_per_s=self._pairs / self._seconds if self._seconds else None,
            validation_ndcg=validation_ndcg,
        )
        self._losses.clear()
        self._pairs, self._seconds = 0, 0.0
        with self._path.open("ab") as lines:
            lines.write(msgspec.json.encode(progress) + b"\n")
        figures = {name: getattr(progress, name) for name in _FIGURES}
        self._log.add({name: value for name, value in figures.items() if value is not None}, step)
        self._on_progress(progress)


def read_metrics(folder: Path) -> list[EncoderProgress]:
    """Reads the reports of a run, in order; a line that a kill cut short is passed over."""
    path = folder / METRICS_FILE
    if not path.exists():
        return []
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return [msgspec.json.decode(line, type=EncoderProgress) for line in whole]


def _drop_later_lines(path: Path, step: int) -> None:
    kept = [progress for progress in read_metrics(path.parent) if progress.done <= step]
    if path.exists():
        path.write_bytes(b"".join(msgspec.json.encode(progress) + b"\n" for progress in kept))
