"""Tests of gistwire_training.registry.measurement, on a tiny model."""

from pathlib import Path

import pytest
from gistwire_models.encoder import CountingEncoder
from gistwire_training.errors import TrainingDataError
from gistwire_training.evaluation import open_default_encoder
from gistwire_training.pairs import Pair
from gistwire_training.registry import ServedMeasurement, hash_pairs

from tests.models.conftest import summarizer_folder as summarizer_folder

LEAD = "Dockworkers in Ellery voted to strike on Monday."
PAIRS = [
    Pair(
        id=f"pair-{number}",
        headline="Dockworkers vote to strike",
        body=f"{LEAD} The port handles {number} ships a week.",
        summary=LEAD,
        language="en",
    )
    for number in range(3)
]


def test_measures_what_is_served_and_what_it_costs(summarizer_folder: Path) -> None:
    measured = ServedMeasurement()(summarizer_folder, [*PAIRS, Pair(id="bare", headline="No summary")])
    files = [path.stat().st_size for path in summarizer_folder.rglob("*") if path.is_file()]
    assert measured.data_hash == hash_pairs(PAIRS)
    assert (measured.size_bytes, measured.largest_file_bytes) == (sum(files), max(files))
    assert measured.version.startswith("tiny@")
    # The lead is the summary here: nothing can be better.
    assert measured.rouge_over_baseline.value <= 0
    assert 0 < measured.rouge.low <= measured.rouge.value <= measured.rouge.high <= 1
    assert measured.faithfulness == 1.0
    assert measured.latency_p95_ms > 0


def test_baselines_write_once_for_what_is_measured_twice(summarizer_folder: Path) -> None:
    opened = 0

    def open_counted() -> CountingEncoder:
        nonlocal opened
        opened += 1
        return open_default_encoder()

    measure = ServedMeasurement(open_encoder=open_counted)
    first = measure(summarizer_folder, PAIRS)
    assert opened == 2  # for what is served, and for the extract by maximal marginal relevance
    second = measure(summarizer_folder, PAIRS)
    assert opened == 3
    assert (first.rouge, first.rouge_over_baseline) == (second.rouge, second.rouge_over_baseline)


def test_pairs_without_summaries_are_nothing_to_judge_by(summarizer_folder: Path) -> None:
    with pytest.raises(TrainingDataError, match="no held-out pair"):
        ServedMeasurement()(summarizer_folder, [Pair(id="bare", headline="No summary", body="A text.")])
