"""Tests of gistwire_training.sample_pairs."""

import json
from pathlib import Path

import gistwire_indexer
import pytest
from gistwire_training.sample_pairs import SampleLanguage, sample_pairs


@pytest.mark.parametrize(("language", "count"), [("en", 216), ("zh", 54)])
def test_every_summary_belongs_to_an_article_with_a_body(language: SampleLanguage, count: int) -> None:
    pairs = sample_pairs(language)
    assert len({pair.id for pair in pairs}) == len(pairs) == count
    assert all(pair.headline and pair.body and pair.summary and pair.language == language for pair in pairs)


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    corrected = [pair for pair in sample_pairs("zh") if "更正" in pair.body]
    assert corrected


def test_the_files_of_articles_hold_articles_alone() -> None:
    corpus = Path(gistwire_indexer.__path__[0]) / "sample_corpus"
    for path in corpus.glob("*.jsonl"):
        if not path.name.startswith("judged-"):
            lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            assert all(line["headline"] for line in lines), path.name
