"""Tests of how the models of a configuration are opened, on a Triton that does as it is told."""

from pathlib import Path
from typing import Any

import pytest
import structlog
from gistwire_models.cores import default_replicas
from gistwire_models.scripted import ScriptedEncoder
from gistwire_models.summarizer import Origin, Summarizer
from gistwire_server.config import ServerConfig, TritonConfig
from gistwire_server.model_engines import begun_at_once, open_summarizer

from tests.models.summarizer_contract import make_request, summarize
from tests.models.triton.engines import until
from tests.models.triton.fake_triton import FakeTriton


async def origins(summarizer: Summarizer, language: str) -> set[Origin]:
    """Where the candidates for an article in that language come from."""
    _, found = await summarize(summarizer, make_request(language=language))
    return {candidate.origin for candidate in found.candidates}


async def test_languages_that_a_triton_writes_which_comes_later_are_generated(tmp_path: Path) -> None:
    async with FakeTriton.running() as triton:
        await triton.kill()
        config = ServerConfig(
            data_dir=tmp_path, models="triton", triton=TritonConfig(endpoints=(triton.target,))
        )
        with structlog.testing.capture_logs() as log:
            summarizer = await open_summarizer(config, ScriptedEncoder())
            assert [line["event"] for line in log] == ["triton_unavailable_at_start"]
            assert await origins(summarizer, "de") == {Origin.EXTRACTED}
            await triton.start()
            await until(lambda: log[-1]["event"] == "triton_summarizer_described")
        assert await origins(summarizer, "de") == {Origin.EXTRACTED, Origin.GENERATED}
        assert await origins(summarizer, "zh") == {Origin.EXTRACTED}
        await summarizer.close()


@pytest.mark.parametrize(
    ("changes", "begun"),
    [
        ({"summarizer_threads": 3}, 3),
        ({}, default_replicas()),
        ({"models": "triton"}, None),
        ({"summarizer": "extracting"}, None),
    ],
)
def test_a_model_of_this_process_begins_a_summary_on_each_of_its_threads(
    changes: dict[str, Any], begun: int | None
) -> None:
    assert begun_at_once(ServerConfig(data_dir=Path("unused"), **changes)) == begun
