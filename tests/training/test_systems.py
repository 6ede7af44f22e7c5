"""Tests of gistwire_training.systems."""

from pathlib import Path

import pytest
from gistwire_training.evaluation import open_default_encoder
from gistwire_training.pairs import Pair
from gistwire_training.systems import GeneratedSystem, ServedSystem

from tests.models.conftest import summarizer_folder as summarizer_folder

BODY = (
    "Dockworkers in Ellery voted to strike on Monday. The port handles most of the country's grain, it said."
)
PAIRS = [
    Pair(id="a", headline="Dockworkers vote to strike", body=BODY, language="en"),
    Pair(id="b", headline="Only a headline", language="en"),
]


@pytest.mark.parametrize("name", ["before", "generated"])
def test_a_generated_text_is_of_the_articles_words(summarizer_folder: Path, name: str) -> None:
    system = GeneratedSystem(summarizer_folder, name=name)
    assert system.name == name
    first, second = system.summarize(PAIRS)
    assert first
    assert second == ""


def test_of_a_model_that_knows_nothing_an_extract_is_served(summarizer_folder: Path) -> None:
    first, second = ServedSystem(summarizer_folder, open_default_encoder).summarize(PAIRS)
    assert first
    assert all(sentence in BODY for sentence in first.split(". ")[:1])
    assert second == ""
