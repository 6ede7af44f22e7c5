"""Tests of `CachingEncoder`: the contract, and what is not embedded twice."""

from collections.abc import Sequence

import numpy as np
import pytest
from gistwire_models.embedding_cache import CachingEncoder
from gistwire_models.encoder import Embedding, ModelVersion, Priority, TextEncoder
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.scripted import ScriptedEncoder

from tests.models.text_encoder_contract import TextEncoderContract


class TestContract(TextEncoderContract):
    @pytest.fixture
    def encoder(self, local_encoder: LocalEncoder) -> TextEncoder:
        return CachingEncoder(local_encoder, max_texts=2)


class _Updated(ScriptedEncoder):
    """An encoder whose model can be changed for another one."""

    version = "1"

    @property
    def model(self) -> ModelVersion:
        return ModelVersion("updated", self.version)


async def test_what_readers_ask_for_again_is_not_embedded_again() -> None:
    encoder = ScriptedEncoder()
    caching = CachingEncoder(encoder, max_texts=8)
    first = await caching.encode(["oil", "gas", "oil"], priority=Priority.QUERY)
    again = await caching.encode(["gas", "coal", "oil"], priority=Priority.SUMMARY)
    assert encoder.encoded == ["oil", "gas", "coal"]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(again, await encoder.encode(["gas", "coal", "oil"]))


async def test_those_asked_for_longest_ago_are_forgotten() -> None:
    encoder = ScriptedEncoder()
    caching = CachingEncoder(encoder, max_texts=2)
    for text in ("oil", "gas", "oil", "coal", "oil", "gas"):
        await caching.encode([text], priority=Priority.QUERY)
    assert encoder.encoded == ["oil", "gas", "coal", "gas"]


async def test_what_is_ingested_is_not_kept() -> None:
    encoder = ScriptedEncoder()
    caching = CachingEncoder(encoder, max_texts=8)
    for _ in range(2):
        await caching.encode(["oil"])
    assert encoder.encoded == ["oil", "oil"]
    assert encoder.priorities == [Priority.INGEST, Priority.INGEST]


async def test_long_texts_are_not_kept() -> None:
    encoder = ScriptedEncoder()
    caching = CachingEncoder(encoder, max_texts=8)
    for _ in range(2):
        await caching.encode(["oil " * 1_000], priority=Priority.SUMMARY)
    assert len(encoder.encoded) == 2


async def test_another_model_embeds_anew() -> None:
    encoder = _Updated()
    caching = CachingEncoder(encoder, max_texts=8)
    await caching.encode(["oil"], priority=Priority.QUERY)
    encoder.version = "2"
    assert caching.model == ModelVersion("updated", "2")
    await caching.encode(["oil"], priority=Priority.QUERY)
    assert encoder.encoded == ["oil", "oil"]


async def test_what_a_model_gave_that_was_changed_meanwhile_is_not_kept() -> None:
    class Changing(_Updated):
        async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:
            rows = await super().encode(texts, priority=priority)
            self.version += "+"
            return rows

    encoder = Changing()
    caching = CachingEncoder(encoder, max_texts=8)
    for _ in range(2):
        await caching.encode(["oil"], priority=Priority.QUERY)
    assert encoder.encoded == ["oil", "oil"]


async def test_a_failure_is_not_kept() -> None:
    encoder = ScriptedEncoder()
    caching = CachingEncoder(encoder, max_texts=8)
    encoder.failure = ModelUnavailableError("down")
    with pytest.raises(ModelUnavailableError):
        await caching.encode(["oil"], priority=Priority.QUERY)
    encoder.failure = None
    await caching.encode(["oil"], priority=Priority.QUERY)
    assert encoder.encoded == ["oil"]


async def test_what_is_given_back_is_the_callers_own() -> None:
    caching = CachingEncoder(ScriptedEncoder(), max_texts=8)
    first = await caching.encode(["oil"], priority=Priority.QUERY)
    expected = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(await caching.encode(["oil"], priority=Priority.QUERY), expected)


async def test_tokens_are_counted_by_the_encoder() -> None:
    caching = CachingEncoder(ScriptedEncoder(), max_texts=8)
    assert caching.count_tokens("oil and gas") == 3
    assert caching.endpoint_states() == {}
