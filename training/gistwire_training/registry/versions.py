"""The versions of a model in a model repository, laid out for Triton; start at `list_versions` or `add_version`.

A version is the folder ``<repository>/<model>/<number>``. Triton passes over folders whose names are no
numbers, and so over a copy that is still being made.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from gistwire_models.encoder import ModelVersion
from gistwire_models.model_folder import DESCRIPTION_FILE, version_numbers

from gistwire_training.errors import CheckpointError
from gistwire_training.registry.locking import locked

ModelName: TypeAlias = Literal["summarizer", "encoder"]
"""Name of a model's folder in the repository."""

CHECKSUMS_FILE = "checksums.json"

_STAGING_PREFIX = ".staging-"
# The code by which Triton serves a version, and what Python writes beside it.
_CODE = "*.py"
_UNCHECKED_FOLDER = "__pycache__"


class FileChecksum(msgspec.Struct, frozen=True):
    """What a file of a version must be like.

    Attributes:
        sha256: of its content, in hexadecimal.
        size_bytes: its size.
    """

    sha256: str
    size_bytes: int


Checksums: TypeAlias = Mapping[str, FileChecksum]
"""Every file of a version but the checksums themselves and Triton's code, by its path in the version's folder."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version in the repository.

    Attributes:
        number: its number, from 1.
        folder: where its files are.
        model: name and version, as its description says.
        checksums: as they were recorded; None for a version that came without.
    """

    number: int
    folder: Path
    model: ModelVersion
    checksums: Checksums | None


def model_folder(repo: Path, model: ModelName) -> Path:
    """Returns the folder of a model, which need not exist."""
    return repo / model


def list_versions(repo: Path, model: ModelName) -> list[StoredVersion]:
    """Returns a model's versions by ascending number.

    Raises:
        CheckpointError: the description or the checksums of one cannot be read.
    """
    return [read_version(repo, model, number) for number in version_numbers(model_folder(repo, model))]


def read_version(repo: Path, model: ModelName, number: int) -> StoredVersion:
    """Returns a version, with its files unverified.

    Raises:
        CheckpointError: there is no such version, or its description or checksums cannot be read.
    """
    folder = model_folder(repo, model) / str(number)
    if not folder.is_dir():
        raise CheckpointError(f"{model} has no version {number} in {repo}")
    return StoredVersion(number, folder, read_model_version(folder), read_checksums(folder))


def verify_version(version: StoredVersion) -> None:
    """Compares the files of a version with its checksums. Reads them all: about 0.1 s for 30 MB.

    Raises:
        CheckpointError: a file is missing, differs or was added, or there are no checksums; names each.
    """
    if version.checksums is None:
        raise CheckpointError(f"{version.folder / CHECKSUMS_FILE} is missing")
    _check_files(version.folder, version.checksums)


def read_checksums(folder: Path) -> Checksums | None:
    """Reads the checksums that a folder came with; None if it came without.

    Raises:
        CheckpointError: they cannot be read.
    """
    path = folder / CHECKSUMS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, FileChecksum])
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def record_checksums(folder: Path) -> None:
    """Writes the checksums of a folder that has none yet, such as one that was exported in place.

    Raises:
        CheckpointError: the folder has checksums.
    """
    try:
        with (folder / CHECKSUMS_FILE).open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_compute_checksums(folder))) + b"\n")
    except FileExistsError as error:
        raise CheckpointError(f"{folder} has checksums; they are not replaced") from error


def add_version(repo: Path, model: ModelName, folder: Path) -> int:
    """Copies a converted model into the repository as its next version, whole or not at all.

    The code by which Triton serves it is that of the highest version before it. Nothing that is there is changed.
    Where no version was ever promoted, servers take the highest one, and so the new one at once: promote the one
    that is served beforehand, as `refresh` does.

    Args:
        repo: the repository; made if it is missing.
        model: which model it is.
        folder: the converted model with its description. If it has checksums, its files must agree with them.

    Returns:
        The number of the new version.

    Raises:
        CheckpointError: `folder` has no description, or its files differ from its checksums.
    """
    read_model_version(folder)
    parent = model_folder(repo, model)
    parent.mkdir(parents=True, exist_ok=True)
    with locked(parent):
        _remove_abandoned(parent)
        staging = parent / f"{_STAGING_PREFIX}{uuid.uuid4().hex}"
        try:
            _copy(folder, staging)
            number = max(version_numbers(model_folder(repo, model)), default=0) + 1
            for code in (parent / str(number - 1)).glob(_CODE):
                shutil.copy2(code, staging)
            os.rename(staging, parent / str(number))
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be copied into {parent}: {error}") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return number


def _copy(folder: Path, staging: Path) -> None:
    """Copies a folder, and adds its checksums or checks the copy against those it came with."""
    shutil.copytree(folder, staging, ignore=shutil.ignore_patterns(_UNCHECKED_FOLDER, _CODE))
    checksums = read_checksums(staging)
    if checksums is None:
        record_checksums(staging)
    else:
        _check_files(staging, checksums)


def _remove_abandoned(parent: Path) -> None:
    """Removes the copies of processes that were killed: whoever makes one holds the lock that we hold."""
    for staging in parent.glob(f"{_STAGING_PREFIX}*"):
        shutil.rmtree(staging, ignore_errors=True)


def read_model_version(folder: Path) -> ModelVersion:
    """Returns the name and version of a converted model.

    Raises:
        CheckpointError: its description is missing or cannot be read.
    """
    path = folder / DESCRIPTION_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelVersion)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def _compute_checksums(folder: Path) -> dict[str, FileChecksum]:
    return {path.relative_to(folder).as_posix(): _checksum(path) for path in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        unchecked = inside.match(_CODE) or inside == Path(CHECKSUMS_FILE) or _UNCHECKED_FOLDER in inside.parts
        if path.is_file() and not unchecked:
            yield path


def _checksum(path: Path) -> FileChecksum:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileChecksum(sha256=digest, size_bytes=file.tell())


def _check_files(folder: Path, recorded: Checksums) -> None:
    found = _compute_checksums(folder)
    faults = [f"{name} is missing" for name in sorted(recorded.keys() - found.keys())]
    faults += [f"{name} was added" for name in sorted(found.keys() - recorded.keys())]
    faults += [
        f"{name} differs from its checksum"
        for name in sorted(found.keys() & recorded.keys())
        if found[name] != recorded[name]
    ]
    if faults:
        raise CheckpointError(f"{folder}: {'; '.join(faults)}")
