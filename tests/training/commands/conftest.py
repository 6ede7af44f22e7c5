"""Folders of pairs as `prepare` makes them, and the tiny exported summarizer."""

import random
from pathlib import Path

import pytest
from gistwire_training.pairs import SPLITS, Pair, write_pairs

from tests.models.conftest import summarizer_folder as summarizer_folder
from tests.training.conftest import CONTENT_WORDS


def write_prepared(folder: Path, prefix: str) -> Path:
    """Writes a few pairs with summaries in each split, each a story of its own."""
    folder.mkdir()
    for split in SPLITS:
        pairs = [
            _pair(f"{prefix}-{split}-{number}", prefix) for number in range(6 if split == "train" else 2)
        ]
        write_pairs(folder / f"{split}.jsonl", pairs)
    return folder


def _pair(name: str, source: str) -> Pair:
    draw = random.Random(name)
    first, second = (draw.sample(CONTENT_WORDS, 8) for _ in range(2))
    summary = f"The {' '.join(first[:6])} said."
    return Pair(
        id=name,
        headline=f"Mayor says the {' '.join(first[4:])}",
        body=f"{summary} After the {' '.join(second)} the union will strike.",
        summary=summary,
        language="en",
        source=source,
    )


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    return write_prepared(tmp_path / "prepared", "old")
