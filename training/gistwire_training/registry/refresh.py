"""Trains the summarizer on, measures the outcome, and promotes it if the gate lets it: `refresh`.

Reached by `gistwire-train refresh`, which says how to train, export and measure.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import msgspec

from gistwire_training.errors import CheckpointError, PromotionRefusedError
from gistwire_training.pairs import SPLITS, Pair, Split, write_pairs
from gistwire_training.registry.gate import Gate, Measured, Verdict, judge
from gistwire_training.registry.mixture import MixtureOptions, SplitCounts, hash_pairs, mix
from gistwire_training.registry.promotion import MeasureVersion, add_and_promote, verify_served
from gistwire_training.registry.versions import ModelName, read_version
from gistwire_training.registry.whole_file import write_whole

RECORD_FILE = "refresh.json"
_MARK_FILE = "refresh.begun"

_MODEL: ModelName = "summarizer"

Stage: TypeAlias = Literal["mixing", "training", "exporting", "measuring candidate", "measuring active"]
OnStage: TypeAlias = Callable[[Stage], None]


class TrainCandidate(Protocol):
    """Trains a model on."""

    def __call__(self, pairs_folder: Path, run_folder: Path) -> Path:
        """Trains, or resumes the training that a kill ended, and returns the checkpoint's folder.

        Args:
            pairs_folder: holds ``train.jsonl``, ``validation.jsonl`` and ``test.jsonl``, as `prepare` writes
                them; the last is not to be looked at.
            run_folder: where the run goes; may hold what an earlier call left.
        """
        ...


class ExportCandidate(Protocol):
    """Converts a checkpoint to what is served."""

    def __call__(self, checkpoint: Path, target: Path) -> None:
        """Makes the folder `target`, which does not exist.

        Args:
            checkpoint: folder that training returned.
            target: the converted model, with its ``gistwire.json``.
        """
        ...


class RefreshRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All about a refresh that was judged; ``refresh.json`` holds it.

    Attributes:
        started: when it began, UTC; after a kill, when it was taken up again.
        finished: when it ended, UTC.
        new: folder of the new pairs.
        old: folders of the old pairs, oldest first.
        mixture: how they were mixed.
        pairs: how many there were of each split.
        dropped: pairs left out because their story stands in another split of an earlier folder.
        data_hashes: SHA-256 of the file of each split.
        gate: the limits.
        candidate: what the new model measured.
        active: what the active one measured; None if there was none.
        active_version: number of the active one before.
        verdict: what the gate found.
        promoted_version: number under which the new model is served; None if it was refused.
        reasons: why it was refused; none if it was promoted.
        seconds: what each stage took.
    """

    started: datetime
    finished: datetime
    new: str
    old: tuple[str, ...]
    mixture: MixtureOptions
    pairs: dict[Split, SplitCounts]
    dropped: int
    data_hashes: dict[Split, str]
    gate: Gate
    candidate: Measured
    active: Measured | None
    active_version: int | None
    verdict: Verdict
    promoted_version: int | None
    reasons: tuple[str, ...]
    seconds: dict[Stage, float]


class _Stopwatch:
    """Tells which stage begins, and takes its time."""

    def __init__(self, on_stage: OnStage | None) -> None:
        self.seconds: dict[Stage, float] = {}
        self._on_stage = on_stage

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        if self._on_stage is not None:
            self._on_stage(stage)
        started = time.monotonic()
        yield
        self.seconds[stage] = time.monotonic() - started


def refresh(
    repo: Path,
    record_folder: Path,
    *,
    new: Path,
    old: Sequence[Path],
    train: TrainCandidate,
    export: ExportCandidate,
    measure: MeasureVersion,
    mixture: MixtureOptions | None = None,
    gate: Gate | None = None,
    on_stage: OnStage | None = None,
) -> RefreshRecord:
    """Trains the summarizer on new pairs, and promotes the outcome if the gate lets it. Blocks.

    The new model becomes a version of the repository only if it passes, as servers that know nothing of
    ``active.json`` take the highest one. Killed, it goes on when called again with the same arguments.

    Args:
        repo: the model repository.
        record_folder: where everything goes: ``pairs/``, ``run/``, ``candidate/`` and ``refresh.json``.
        new: folder that `prepare` made, of new pairs.
        old: such folders that were trained on before, oldest first.
        train: how to train.
        export: how to convert.
        measure: how to measure.
        mixture: how pairs are mixed; None for the defaults.
        gate: the limits; None for the defaults.
        on_stage: called as each stage begins.

    Raises:
        PromotionRefusedError: the gate refused, or another version became active meanwhile; ``refresh.json``
            is written all the same.
        CheckpointError: `record_folder` holds a finished refresh or something else, or the served version is damaged.
        TrainingDataError: pairs are missing or malformed, or too few are left.
    """
    mixture, gate = mixture or MixtureOptions(), gate or Gate()
    if (record_folder / RECORD_FILE).exists():
        raise CheckpointError(f"{record_folder} holds a finished refresh")
    _claim(record_folder)
    started = datetime.now(UTC)
    active_version = verify_served(repo, _MODEL)
    stopwatch = _Stopwatch(on_stage)

    with stopwatch.stage("mixing"):
        mixed = mix(new, old, mixture)
        pairs_folder = _write_mixture(record_folder, mixed.pairs)
    with stopwatch.stage("training"):
        checkpoint = train(pairs_folder, record_folder / "run")
    with stopwatch.stage("exporting"):
        candidate_folder = _export(export, checkpoint, record_folder / "candidate")
    with stopwatch.stage("measuring candidate"):
        candidate = measure(candidate_folder, mixed.pairs["test"])
    active = None
    if active_version is not None:
        with stopwatch.stage("measuring active"):
            active = measure(read_version(repo, _MODEL, active_version).folder, mixed.pairs["test"])

    verdict = judge(candidate, active, gate)
    promoted_version, reasons = None, verdict.reasons
    if verdict.passed:
        try:
            promoted_version = add_and_promote(
                repo,
                _MODEL,
                candidate_folder,
                expected=active_version,
                reason=f"passed the gate in {record_folder.name}",
            )
        except PromotionRefusedError as refusal:
            reasons = refusal.reasons
    record = RefreshRecord(
        started=started,
        finished=datetime.now(UTC),
        new=str(new),
        old=tuple(map(str, old)),
        mixture=mixture,
        pairs=mixed.counts,
        dropped=mixed.dropped,
        data_hashes={split: hash_pairs(mixed.pairs[split]) for split in SPLITS},
        gate=gate,
        candidate=candidate,
        active=active,
        active_version=active_version,
        verdict=verdict,
        promoted_version=promoted_version,
        reasons=reasons,
        seconds=stopwatch.seconds,
    )
    write_whole(record_folder / RECORD_FILE, msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    if reasons:
        raise PromotionRefusedError(reasons)
    return record


def read_refresh(record_folder: Path) -> RefreshRecord:
    """Reads the record of a refresh.

    Raises:
        CheckpointError: the folder holds no finished refresh.
    """
    path = record_folder / RECORD_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=RefreshRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def _claim(record_folder: Path) -> None:
    """Makes the folder of the record, or takes up one that an earlier call made: what it holds is overwritten.

    Raises:
        CheckpointError: it holds something else.
    """
    mark = record_folder / _MARK_FILE
    if not mark.exists():
        record_folder.mkdir(parents=True, exist_ok=True)
        if any(record_folder.iterdir()):
            raise CheckpointError(
                f"{record_folder} holds something else than a refresh; name an empty folder"
            )
        mark.touch()


def _write_mixture(record_folder: Path, pairs: dict[Split, tuple[Pair, ...]]) -> Path:
    folder = record_folder / "pairs"
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        write_pairs(folder / f"{split}.jsonl", pairs[split])
    return folder


def _export(export: ExportCandidate, checkpoint: Path, target: Path) -> Path:
    """Exports anew even if a killed call did so: it may have been of an earlier checkpoint."""
    shutil.rmtree(target, ignore_errors=True)
    export(checkpoint, target)
    return target
