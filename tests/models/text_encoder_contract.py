"""What every TextEncoder must do; each implementation's tests run it on their own."""

import asyncio
from abc import abstractmethod

import numpy as np
import pytest
from gistwire_models.encoder import Priority, TextEncoder
from gistwire_models.errors import ModelUnavailableError

TEXTS = [
    "Oil prices rise",
    "Peace talks fail in the capital",
    "",
    "新闻",
    "lone \ud800 surrogate",
    "word " * 600,
]


class TextEncoderContract:
    """Inherit it and give a fixture `encoder`."""

    @pytest.fixture
    @abstractmethod
    def encoder(self) -> TextEncoder:
        """An encoder of the implementation."""
        ...

    async def test_gives_a_unit_vector_for_every_text(self, encoder: TextEncoder) -> None:
        embeddings = await encoder.encode(TEXTS)
        assert embeddings.shape == (len(TEXTS), encoder.dimension)
        assert embeddings.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)

    async def test_keeps_the_order_of_the_texts(self, encoder: TextEncoder) -> None:
        together = await encoder.encode(TEXTS)
        for text, embedding in zip(TEXTS, together, strict=True):
            alone = (await encoder.encode([text]))[0]
            assert float(alone @ embedding) > 0.99

    async def test_is_the_same_at_every_priority(self, encoder: TextEncoder) -> None:
        embeddings = [await encoder.encode(["Oil prices rise"], priority=priority) for priority in Priority]
        np.testing.assert_allclose(embeddings[1:], [embeddings[0]] * 2, atol=1e-6)

    async def test_no_texts_give_no_rows(self, encoder: TextEncoder) -> None:
        assert (await encoder.encode([])).shape == (0, encoder.dimension)

    async def test_similar_texts_are_closer_than_others(self, encoder: TextEncoder) -> None:
        base, near, far = await encoder.encode(
            ["Oil prices rise sharply", "Prices of oil rise", "Swimmer wins a third medal"]
        )
        assert float(base @ near) > float(base @ far) + 0.2

    async def test_serves_concurrent_calls(self, encoder: TextEncoder) -> None:
        results = await asyncio.gather(*(encoder.encode([text]) for text in TEXTS))
        np.testing.assert_allclose(
            np.sum(np.concatenate(results) * await encoder.encode(TEXTS), axis=1), 1, atol=0.01
        )

    async def test_refuses_calls_once_closed(self, encoder: TextEncoder) -> None:
        await encoder.close()
        await encoder.close()
        with pytest.raises(ModelUnavailableError):
            await encoder.encode(["late"])

    def test_names_its_model(self, encoder: TextEncoder) -> None:
        assert encoder.model.name
        assert encoder.model.version
