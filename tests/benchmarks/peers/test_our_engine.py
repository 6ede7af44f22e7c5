"""Tests of our engine as a peer's process has it, and of the vectors that are kept for the next run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gistwire_models.shipped import default_encoder_folder, default_summarizer_folder

from benchmarks.peers.adapter import Settings
from benchmarks.peers.our_engine import OurEngine, divided
from benchmarks.peers.stored_vectors import stored_vectors

SUBJECTS = ("harbour", "railway", "museum", "orchard", "airport")
ARTICLES = [
    {
        "id": subject,
        "headline": f"The {subject} is closed",
        "body": f"Workers of the {subject} began a strike on Monday. The {subject} will be closed until Friday.",
    }
    for subject in SUBJECTS
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        articles="",
        folder=str(tmp_path / "system"),
        encoder="",
        summarizer="",
        converted_encoder=str(default_encoder_folder()),
        converted_summarizer=str(default_summarizer_folder()),
        threads=2,
        concurrency=1,
        top_k=10,
        depth=100,
        max_tokens=32,
    )


@pytest.mark.parametrize(
    ("items", "parts", "sizes"), [(10, 2, [5, 5]), (3, 2, [2, 1]), (1, 2, [1]), (2, 8, [1, 1])]
)
def test_items_are_divided_in_order_into_parts_of_like_size(items: int, parts: int, sizes: list[int]) -> None:
    divided_items = divided(list(range(items)), parts)
    assert [len(part) for part in divided_items] == sizes
    assert [item for part in divided_items for item in part] == list(range(items))


def test_texts_are_embedded_in_their_order(settings: Settings) -> None:
    engine = OurEngine(settings)
    together = engine.embed([article["body"] for article in ARTICLES])
    assert together.shape == (5, 384)
    for article, row in zip(ARTICLES, together, strict=True):
        (alone,) = engine.embed([article["body"]])
        assert float(row @ alone) > 0.99


def test_each_summary_is_of_its_own_article(settings: Settings) -> None:
    written = OurEngine(settings).summarize(ARTICLES)
    assert len(written) == 5
    assert all(article["id"] in text for article, text in zip(ARTICLES, written, strict=True))


def test_vectors_are_computed_once_for_each_engine(settings: Settings) -> None:
    rows = np.ones((2, 3), dtype=np.float32)
    assert np.array_equal(stored_vectors(settings, "ours", lambda: rows), rows)
    other = replace(settings, folder=str(Path(settings.folder).with_name("another")))
    assert np.array_equal(stored_vectors(other, "ours", lambda: pytest.fail("they were there")), rows)
    assert np.array_equal(stored_vectors(other, "torch", lambda: rows * 2), rows * 2)
