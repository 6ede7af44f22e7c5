"""What a text encoder is: texts in, unit vectors out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Embedding: TypeAlias = NDArray[np.float32]
"""One vector (`float32 [dimension]`) or a batch of them (`float32 [batch, dimension]`), of unit length."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """Name and version of a model.

    Attributes:
        name: the model's name, such as ``"gistwire-news-encoder"``.
        version: changes whenever the model's output may change; part of every cache key.
    """

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class Priority(IntEnum):
    """Which of the waiting texts an encoder takes first; lower values go first."""

    QUERY = 0
    """A reader waits for the first hit."""
    SUMMARY = 1
    """A reader waits for a summary."""
    INGEST = 2
    """Nobody waits for this text in particular."""


class TextEncoder(Protocol):
    """Turns texts into vectors whose cosine is their similarity in meaning."""

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        ...

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        ...

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:
        """Embeds texts.

        Args:
            texts: any number of texts, each of any length; a text is cut at the model's longest input.
                The empty text has an embedding too.
            priority: which of the waiting texts go first.

        Returns:
            ``float32 [len(texts), dimension]``, rows of unit length, in the order of `texts`.

        Raises:
            ModelOverloadedError: the engine's queue is full.
            ModelUnavailableError: the engine does not answer, or was closed.
        """
        ...

    async def close(self) -> None:
        """Gives back what the encoder holds. Calls that wait end with ModelUnavailableError."""
        ...


class CountingEncoder(TextEncoder, Protocol):
    """A text encoder that also tells how long texts are."""

    def count_tokens(self, text: str) -> int:
        """Counts the tokens of a text, without a limit. Blocks."""
        ...
