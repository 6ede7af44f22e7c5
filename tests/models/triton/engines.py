"""Engines on servers that do as they are told: `make_encoder`, `make_summarizer`, `make_prompted`."""

import asyncio
from collections.abc import Callable
from typing import Any

from gistwire_models.encoder import ModelVersion, Priority
from gistwire_models.encoder_folder import EncoderDescription
from gistwire_models.triton import (
    PromptedModel,
    PromptedSummarizer,
    TritonEncoder,
    TritonSettings,
    TritonSummarizer,
)

from tests.models.triton.fake_triton import DIMENSION, MODEL, FakeTriton

DESCRIPTION = EncoderDescription(
    name=MODEL[0], version=MODEL[1], dimension=DIMENSION, max_tokens=256, pooling="mean"
)


def settings_for(servers: list[FakeTriton], **changes: Any) -> TritonSettings:
    """Settings without hedging, by which a server that fails is asked again soon whether it is ready."""
    return TritonSettings(
        endpoints=tuple(server.target for server in servers),
        **{"hedge_after_s": None, "open_s": 0.01, "max_open_s": 0.02, **changes},
    )


def make_encoder(settings: TritonSettings) -> TritonEncoder:
    """An encoder that expects the servers' own; a token is a character."""
    return TritonEncoder(settings, DESCRIPTION, len)


def make_summarizer(settings: TritonSettings) -> TritonSummarizer:
    """A summarizer that does not know yet what the servers host."""
    return TritonSummarizer(settings, initial=ModelVersion("unknown", "0"), languages=("en",))


def make_prompted(settings: TritonSettings, **changes: Any) -> PromptedSummarizer:
    """A summarizer by the servers' large model."""
    return PromptedSummarizer(settings, PromptedModel("fake-llm", "1", **changes))


async def query(encoder: TritonEncoder) -> None:
    """Has a reader's text embedded."""
    assert (await encoder.encode(["oil"], priority=Priority.QUERY)).shape == (1, DIMENSION)


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what the servers will see in a moment."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)
