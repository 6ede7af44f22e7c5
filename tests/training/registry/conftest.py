"""Converted models of a few bytes, and prepared folders of a few pairs."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from gistwire_training.evaluation import Estimate
from gistwire_training.pairs import SPLITS, Pair, Split, write_pairs
from gistwire_training.registry import Measured, add_version

GOOD = Measured(
    version="news@1",
    data_hash="d1",
    machine="one core",
    rouge=Estimate(0.4, 0.39, 0.41),
    rouge_over_baseline=Estimate(0.03, 0.02, 0.04),
    faithfulness=0.996,
    latency_p95_ms=100.0,
    size_bytes=30_000_000,
    largest_file_bytes=28_000_000,
)
"""What a good summarizer measures."""

ModelMaker = Callable[[str], Path]
PreparedMaker = Callable[[str, dict[Split, list[Pair]]], Path]


@pytest.fixture
def make_model(tmp_path: Path) -> ModelMaker:
    """Makes the folder of a converted model of a version."""

    def make(version: str) -> Path:
        folder = tmp_path / f"converted-{version}"
        (folder / "vocabulary").mkdir(parents=True)
        (folder / "gistwire.json").write_bytes(
            msgspec.json.encode({"name": "tiny", "version": version, "languages": ["en"]})
        )
        (folder / "model.bin").write_bytes(b"weights of " + version.encode())
        (folder / "vocabulary" / "tokens.txt").write_text("the\n", encoding="utf-8")
        return folder

    return make


@pytest.fixture
def repo(tmp_path: Path, make_model: ModelMaker) -> Path:
    """A repository with the summarizer's versions 1 and 2, none of them promoted."""
    folder = tmp_path / "model_repo"
    for version in ("a", "b"):
        add_version(folder, "summarizer", make_model(version))
    return folder


@pytest.fixture
def make_prepared(tmp_path: Path) -> PreparedMaker:
    """Makes a folder as `prepare` does, of given pairs."""

    def make(name: str, pairs: dict[Split, list[Pair]]) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for split in SPLITS:
            write_pairs(folder / f"{split}.jsonl", pairs.get(split, []))
        return folder

    return make
