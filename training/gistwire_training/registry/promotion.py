"""Brings a converted model into the repository and makes it the one that is served, if the gate lets it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gistwire_training.errors import PromotionRefusedError
from gistwire_training.pairs import Pair
from gistwire_training.registry.active import promote, read_active, served_version
from gistwire_training.registry.gate import Gate, Measured, Verdict, judge
from gistwire_training.registry.versions import (
    ModelName,
    add_version,
    list_versions,
    read_model_version,
    read_version,
    verify_version,
)

_MODEL: ModelName = "summarizer"


class MeasureVersion(Protocol):
    """Measures a converted model."""

    def __call__(self, folder: Path, pairs: Sequence[Pair]) -> Measured:
        """Returns what the model measures.

        Args:
            folder: the converted model.
            pairs: the held-out pairs, the same ones for candidate and active version.
        """
        ...


def promote_summarizer(
    repo: Path, candidate: Path, pairs: Sequence[Pair], *, measure: MeasureVersion, gate: Gate, reason: str
) -> tuple[int, Verdict]:
    """Measures a converted summarizer beside the one that is served, and has it served if the gate lets it. Blocks.

    Args:
        repo: the model repository.
        candidate: folder of the converted summarizer.
        pairs: held-out pairs.
        measure: how to measure.
        gate: the limits.
        reason: what the history says about it.

    Returns:
        The number under which it is served, and what the gate found.

    Raises:
        PromotionRefusedError: the gate refused it, or another version became active meanwhile. The repository then
            holds what it held.
        CheckpointError: a version or the candidate is damaged.
    """
    served = verify_served(repo, _MODEL)
    measured = measure(candidate, pairs)
    active = None if served is None else measure(read_version(repo, _MODEL, served).folder, pairs)
    verdict = judge(measured, active, gate)
    verdict.raise_if_refused()
    return add_and_promote(repo, _MODEL, candidate, expected=served, reason=reason), verdict


def verify_served(repo: Path, model: ModelName) -> int | None:
    """Returns the number of the version that is served, with its files verified; None if there is none.

    Raises:
        CheckpointError: its files differ from its checksums.
    """
    served = served_version(repo, model)
    if served is not None:
        verify_version(read_version(repo, model, served))
    return served


def add_and_promote(
    repo: Path, model: ModelName, candidate: Path, *, expected: int | None, reason: str
) -> int:
    """Copies a converted model into the repository, unless it is there, and makes it the one that is served.

    Args:
        repo: the model repository.
        model: which model it is.
        candidate: folder of the converted model.
        expected: the version that must be served now, as the candidate was compared with it; None: there is none.
        reason: why, in a sentence for people.

    Returns:
        The number of its version.

    Raises:
        PromotionRefusedError: another version than `expected` is served.
        CheckpointError: the candidate is damaged.
    """
    served = served_version(repo, model)
    if served != expected:
        raise PromotionRefusedError((f"version {served or 'none'} is served, not {expected or 'none'}",))
    if served is not None and read_active(repo, model) is None:
        # A version that is added beside it would be served at once, being the highest.
        promote(repo, model, served, reason="served before any version was promoted", expected=None)
    number = _stored_number(repo, model, candidate)
    if number is None:
        number = add_version(repo, model, candidate)
    promote(repo, model, number, reason=reason, expected=expected)
    return number


def _stored_number(repo: Path, model: ModelName, candidate: Path) -> int | None:
    """Returns the number of the same model in the repository, such as one that a killed call added."""
    version = read_model_version(candidate)
    return next((each.number for each in list_versions(repo, model) if each.model == version), None)
