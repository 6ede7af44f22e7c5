"""The text encoder that runs in this process, on the CPU, by CTranslate2; import it explicitly."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gistwire_models.batching import DynamicBatcher
from gistwire_models.cores import default_replicas
from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.encoder_engine import MAX_BATCH_TOKENS, EncoderEngine

# A batch takes the time of a dozen tokens more than its own (4 ms of 120 ms for 360 tokens, AVX2), so that smaller
# ones beside each other cost more than they save. The texts of a search's summaries come a few at a time.
_MIN_SHARE_TOKENS = 128


class LocalEncoder:
    """Embeds texts in this process. Implements TextEncoder.

    Concurrent calls share batches. Each batch is computed on one core, several at once: a short query takes
    half the time that it takes on two cores, and many texts are no slower.
    """

    def __init__(self, engine: EncoderEngine, threads: int) -> None:
        """Use `LocalEncoder.load`.

        Args:
            engine: what computes, `threads` batches at once.
            threads: number of batches computed at once.
        """
        self._engine = engine
        self._batcher = DynamicBatcher[str, Embedding](
            lambda texts: list(engine.embed(texts)),
            cost=engine.estimate_tokens,
            max_batch_cost=MAX_BATCH_TOKENS,
            replicas=threads,
            min_share_cost=_MIN_SHARE_TOKENS,
            name="gistwire-encoder",
        )

    @classmethod
    def load(cls, folder: Path, *, threads: int | None = None) -> "LocalEncoder":
        """Loads a converted encoder. Blocks for about 0.1 s.

        Args:
            folder: folder written by `convert_encoder`.
            threads: number of batches computed at once, a core each; None for one for each core, at most 8.

        Raises:
            ModelNotFoundError: there is no converted encoder in `folder`.
            ModelFormatError: its files cannot be used.
        """
        replicas = threads if threads is not None else default_replicas()
        return cls(EncoderEngine.load(folder, replicas=replicas), threads=replicas)

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        description = self._engine.description
        return ModelVersion(description.name, description.version)

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._engine.description.dimension

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:
        """Embeds texts, as TextEncoder says. Of each the first 256 tokens and 8 192 characters count."""
        rows = await self._batcher.submit(texts, priority=priority)
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dimension)

    def count_tokens(self, text: str) -> int:
        """Counts the tokens of a text, without ``[CLS]`` and ``[SEP]`` and without a limit. Blocks."""
        return self._engine.count_tokens(text)

    async def close(self) -> None:
        """Gives back the model and its threads. Calls that wait end with ModelUnavailableError."""
        await self._batcher.close()
        self._engine.close()
