"""Which version of a model is served, and which ones were: `read_active`, `promote` and `roll_back`.

``<repository>/<model>/active.json`` says it; ``history.jsonl`` beside it lists what it has said, in order. Where
there is a ``config.pbtxt``, its version policy says it to Triton.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from gistwire_models.model_folder import version_numbers
from gistwire_models.version_policy import with_served_version

from gistwire_training.errors import CheckpointError, PromotionRefusedError
from gistwire_training.registry.locking import locked
from gistwire_training.registry.versions import (
    ModelName,
    model_folder,
    read_version,
    verify_version,
)
from gistwire_training.registry.whole_file import write_whole

ACTIVE_FILE = "active.json"
HISTORY_FILE = "history.jsonl"
TRITON_FILE = "config.pbtxt"


class ActiveVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version that is served.

    Attributes:
        version: its number.
        previous: the version that `roll_back` returns to; None if there is none.
        since: when it became active, UTC.
        reason: why, in a sentence for people.
    """

    version: int
    previous: int | None
    since: datetime
    reason: str


def read_active(repo: Path, model: ModelName) -> ActiveVersion | None:
    """Returns the active version; None if none was ever promoted, and the highest one is served.

    Raises:
        CheckpointError: ``active.json`` cannot be read.
    """
    path = model_folder(repo, model) / ACTIVE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ActiveVersion)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def served_version(repo: Path, model: ModelName) -> int | None:
    """Returns the number of the active version, or of the highest one where none was ever promoted.

    Raises:
        CheckpointError: ``active.json`` cannot be read.
    """
    active = read_active(repo, model)
    return (
        active.version
        if active is not None
        else max(version_numbers(model_folder(repo, model)), default=None)
    )


def read_history(repo: Path, model: ModelName) -> list[ActiveVersion]:
    """Returns all that was active, oldest first; the last one is.

    Raises:
        CheckpointError: ``history.jsonl`` or ``active.json`` cannot be read.
    """
    path = model_folder(repo, model) / HISTORY_FILE
    try:
        lines = path.read_bytes().splitlines()
        history = [msgspec.json.decode(line, type=ActiveVersion) for line in lines]
    except FileNotFoundError:
        history = []
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    active = read_active(repo, model)
    # A kill between the writing of the two files leaves the history one entry behind.
    if active is not None and history[-1:] != [active]:
        history.append(active)
    return history


def check_active(repo: Path, model: ModelName, expected: int | None) -> None:
    """Does nothing if `expected` is the active version, or is None and none was ever promoted.

    Raises:
        PromotionRefusedError: it is not.
        CheckpointError: ``active.json`` cannot be read.
    """
    active = read_active(repo, model)
    found = active.version if active is not None else None
    if found != expected:
        raise PromotionRefusedError((f"the active version is {found or 'none'}, not {expected or 'none'}",))


def promote(
    repo: Path,
    model: ModelName,
    version: int,
    *,
    reason: str,
    expected: int | msgspec.UnsetType | None = msgspec.UNSET,
) -> ActiveVersion:
    """Makes a version the one that is served. One that is active already stays so, with its reason.

    Args:
        repo: the repository.
        model: which model it is.
        version: number of the version.
        reason: why, in a sentence for people.
        expected: the version that must be active now, such as the one that the new one was compared with;
            None: none was ever promoted; unset: whichever.

    Raises:
        CheckpointError: there is no such version, or its files differ from its checksums.
        PromotionRefusedError: another version than `expected` is active.
    """
    verify_version(read_version(repo, model, version))
    with locked(model_folder(repo, model)):
        if expected is not msgspec.UNSET:
            check_active(repo, model, expected)
        active = read_active(repo, model)
        if active is not None and active.version == version:
            return active
        previous = active.version if active is not None else _highest_other(repo, model, version)
        return _activate(repo, model, version, previous=previous, reason=reason)


def roll_back(repo: Path, model: ModelName, *, reason: str = "rolled back") -> ActiveVersion:
    """Makes the previous version active again. That is one step: the version before it is not remembered.

    Args:
        repo: the repository.
        model: which model it is.
        reason: why, in a sentence for people.

    Raises:
        CheckpointError: there is no previous version, or its files differ from its checksums.
    """
    if read_active(repo, model) is None:
        raise CheckpointError(f"no version of {model} was ever promoted in {repo}")
    with locked(model_folder(repo, model)):
        active = read_active(repo, model)
        if active is None or active.previous is None:
            raise CheckpointError(f"{model} has no version to roll back to in {repo}")
        verify_version(read_version(repo, model, active.previous))
        return _activate(repo, model, active.previous, previous=None, reason=reason)


def _highest_other(repo: Path, model: ModelName, version: int) -> int | None:
    """Returns what servers took before `version` was there, when none had ever been promoted."""
    return max(
        (number for number in version_numbers(model_folder(repo, model)) if number != version), default=None
    )


def _activate(
    repo: Path, model: ModelName, version: int, *, previous: int | None, reason: str
) -> ActiveVersion:
    """Writes the files; the caller holds the lock."""
    history = read_history(repo, model)
    active = ActiveVersion(version=version, previous=previous, since=datetime.now(UTC), reason=reason)
    folder = model_folder(repo, model)
    triton = folder / TRITON_FILE
    if triton.exists():
        write_whole(triton, with_served_version(triton.read_text(encoding="utf-8"), version).encode())
    write_whole(folder / ACTIVE_FILE, msgspec.json.format(msgspec.json.encode(active)) + b"\n")
    write_whole(
        folder / HISTORY_FILE, b"".join(msgspec.json.encode(entry) + b"\n" for entry in [*history, active])
    )
    return active
