"""What a fine-tuning run learns from and is measured on: read once by `read_inputs`, for `training`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gistwire_models.model_folder import WEIGHTS_FILE

from gistwire_training.encoder.recipe import EncoderRecipe
from gistwire_training.encoder.retrieval_evaluation import RetrievalSet
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import Pair, read_pairs

_TRAINING_FILE = "train.jsonl"
_VALIDATION_FILE = "validation.jsonl"


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The inputs of a run.

    Attributes:
        train: the pairs that are learned from, each with a headline and a body.
        validation: the pairs whose headlines look for their bodies, sampled as the recipe asks for.
        guard: what the model must not answer worse than the base; None for nothing.
        fingerprint: a hash of the pairs and of the base's weights. The guard is not in it, for it decides nothing but
            what is kept at the end.
    """

    train: Sequence[Pair]
    validation: Sequence[Pair]
    guard: RetrievalSet | None
    fingerprint: str


def read_inputs(
    pairs_folder: Path, base: Path, recipe: EncoderRecipe, *, guard: RetrievalSet | None
) -> RunInputs:
    """Reads the pairs, and a hash of all that the training depends on.

    Args:
        pairs_folder: as `train_encoder` takes it.
        base: folder of the encoder to start from.
        recipe: the settings.
        guard: passed on as it is.

    Raises:
        TrainingDataError: pairs are missing or malformed, or there are too few.
    """
    return RunInputs(
        train=_usable(pairs_folder / _TRAINING_FILE),
        validation=_sample(_usable(pairs_folder / _VALIDATION_FILE), recipe.evaluation_size),
        guard=guard,
        fingerprint=_hash_files(
            pairs_folder / _TRAINING_FILE, pairs_folder / _VALIDATION_FILE, base / WEIGHTS_FILE
        ),
    )


def _usable(path: Path) -> list[Pair]:
    """Reads the pairs that have a headline and a body.

    Raises:
        TrainingDataError: there are fewer than two, or none can be read.
    """
    pairs = [pair for pair in read_pairs(path) if pair.headline.strip() and pair.body.strip()]
    if len(pairs) < 2:
        raise TrainingDataError(
            f"{path} has {len(pairs)} pairs with a headline and a body; two are needed at least"
        )
    return pairs


def _sample(pairs: Sequence[Pair], size: int) -> list[Pair]:
    """Returns so many pairs, the same ones whatever their order in the file."""
    return sorted(pairs, key=lambda pair: hashlib.sha256(pair.id.encode()).digest())[:size]


def _hash_files(*paths: Path) -> str:
    """Returns a hash of all these files' contents."""
    combined = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            combined.update(hashlib.file_digest(file, "sha256").digest())
    return combined.hexdigest()
