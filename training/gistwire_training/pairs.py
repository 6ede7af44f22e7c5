"""What models are trained on: articles, some with a summary; written by `prepare`, read by all that trains."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from gistwire_training.errors import TrainingDataError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
TRAINING_SPLITS: tuple[Split, ...] = ("train", "validation")
"""What a training may look at."""


class Pair(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An article with what a person wrote to sum it up.

    Attributes:
        id: stable identifier; decides the split.
        headline: the headline, plain text, one line; "" if there is none.
        body: the text, plain; "" if there is none.
        summary: the summary that a person wrote, one line; "" if there is none.
        source: the outlet or data set.
        language: ISO 639-1 code, or ``"und"``.
    """

    id: str
    headline: str
    body: str = ""
    summary: str = ""
    source: str = ""
    language: str = "und"


def split_of(key: str) -> Split:
    """Returns the split of an identifier: 80 % train, 10 % validation, 10 % test, by its hash."""
    bucket = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % 10
    return "train" if bucket < 8 else "validation" if bucket == 8 else "test"


def read_pairs(path: Path) -> Iterator[Pair]:
    """Reads a file of pairs, one JSON object a line.

    Raises:
        TrainingDataError: the file is missing, or a line is no pair; says which.
    """
    decoder = msgspec.json.Decoder(Pair)
    number = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                number += 1
                if line.strip():
                    yield decoder.decode(line)
    except FileNotFoundError as error:
        raise TrainingDataError(f"{path} is missing; `gistwire-train prepare` makes it") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingDataError(f"{path}, line {number}: {error}") from error


def read_prepared(folders: Iterable[Path], split: Split) -> list[Pair]:
    """Returns the pairs of a split of folders that `prepare` made, folder by folder.

    Raises:
        TrainingDataError: a folder lacks the split, or a line is no pair; says which.
    """
    return [pair for folder in folders for pair in read_pairs(folder / f"{split}.jsonl")]


def write_pairs(path: Path, pairs: Iterable[Pair]) -> int:
    """Writes pairs, one JSON object a line, and returns how many; the file appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    count = 0
    with partial.open("wb") as lines:
        for pair in pairs:
            lines.write(msgspec.json.encode(pair) + b"\n")
            count += 1
    partial.replace(path)
    return count
