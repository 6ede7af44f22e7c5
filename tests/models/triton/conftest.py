"""Engines on the real Triton server that the tests share, and servers that do as they are told."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from gistwire_models.encoder import ModelVersion
from gistwire_models.encoder_folder import read_description
from gistwire_models.shipped import default_encoder_folder
from gistwire_models.tokenization import TokenCounter, read_tokenizer
from gistwire_models.triton import TritonEncoder, TritonSettings, TritonSummarizer

from tests.backends.triton import TritonServer
from tests.models.triton.fake_triton import FakeTriton


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


@pytest.fixture
async def servers() -> AsyncIterator[list[FakeTriton]]:
    """Two servers that do as they are told."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(FakeTriton.running()) for _ in range(2)]


@pytest.fixture
async def closing() -> AsyncIterator[Callable[[Any], Any]]:
    """Closes in the end what it is given."""
    async with AsyncExitStack() as stack:

        def close_later(engine: Any) -> Any:
            stack.push_async_callback(engine.close)
            return engine

        yield close_later
