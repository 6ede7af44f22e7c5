"""Engines on the real Triton server that the tests share."""

from collections.abc import AsyncIterator

import pytest
from gistwire_models.encoder import ModelVersion
from gistwire_models.encoder_folder import read_description
from gistwire_models.shipped import default_encoder_folder
from gistwire_models.tokenization import TokenCounter, read_tokenizer
from gistwire_models.triton import TritonEncoder, TritonSettings, TritonSummarizer

from tests.backends.triton import TritonServer


@pytest.fixture
def settings(triton_server: TritonServer) -> TritonSettings:
    """How the server is reached, with patience for a busy machine."""
    return TritonSettings(endpoints=(triton_server.target,), timeout_s=60, reader_timeout_s=60)


@pytest.fixture
async def triton_encoder(settings: TritonSettings) -> AsyncIterator[TritonEncoder]:
    """The encoder."""
    folder = default_encoder_folder()
    counter = TokenCounter(read_tokenizer(folder))
    encoder = TritonEncoder(settings, read_description(folder), counter.count_tokens)
    yield encoder
    await encoder.close()


@pytest.fixture
async def triton_summarizer(settings: TritonSettings) -> AsyncIterator[TritonSummarizer]:
    """The summarizer, which has said who it is."""
    summarizer = TritonSummarizer(settings, initial=ModelVersion("unknown", "0"), languages=())
    await summarizer.describe()
    yield summarizer
    await summarizer.close()
