"""The contracts, on the Triton engines over a server that does as it is told."""

from collections.abc import Callable
from typing import Any

import pytest
from gistwire_models.encoder import TextEncoder
from gistwire_models.summarizer import Summarizer

from tests.models.summarizer_contract import SummarizerContract
from tests.models.text_encoder_contract import TextEncoderContract
from tests.models.triton.engines import make_encoder, make_prompted, make_summarizer, settings_for
from tests.models.triton.fake_triton import FakeTriton


class TestEncoderContract(TextEncoderContract):
    @pytest.fixture
    async def encoder(self, servers: list[FakeTriton], closing: Callable[[Any], Any]) -> TextEncoder:
        encoder: TextEncoder = closing(make_encoder(settings_for(servers)))
        return encoder


class TestSummarizerContract(SummarizerContract):
    @pytest.fixture
    async def summarizer(self, servers: list[FakeTriton], closing: Callable[[Any], Any]) -> Summarizer:
        summarizer: Summarizer = closing(make_summarizer(settings_for(servers)))
        return summarizer


class TestPromptedSummarizerContract(SummarizerContract):
    @pytest.fixture
    async def summarizer(self, servers: list[FakeTriton], closing: Callable[[Any], Any]) -> Summarizer:
        summarizer: Summarizer = closing(make_prompted(settings_for(servers)))
        return summarizer
