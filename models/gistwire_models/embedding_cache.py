"""`CachingEncoder`: an encoder that need not embed again what readers asked for lately."""

from collections.abc import Mapping, Sequence

import numpy as np
from cachetools import LRUCache

from gistwire_models.encoder import CountingEncoder, Embedding, ModelVersion, Priority
from gistwire_models.endpoint_states import HasEndpoints

_LONGEST = 2_000
"""Longest text that is kept, in characters: queries and summaries are shorter."""


class CachingEncoder:
    """Keeps the embeddings of queries and summaries. Implements CountingEncoder.

    The same queries are asked again and again, and the same articles are summarized for them. A text has one
    embedding for as long as its model stays the same, so nothing has to be invalidated. Texts that are ingested are
    embedded once and not kept.

    Args:
        encoder: what embeds; closed with this one.
        max_texts: how many embeddings are kept, those asked for latest.
    """

    def __init__(self, encoder: CountingEncoder, *, max_texts: int) -> None:
        self._encoder = encoder
        self._kept: LRUCache[tuple[ModelVersion, str], Embedding] = LRUCache(max_texts)

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return self._encoder.model

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._encoder.dimension

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:
        """Embeds texts, as TextEncoder says."""
        if priority is Priority.INGEST:
            return await self._encoder.encode(texts, priority=priority)
        model = self.model
        known = {text: row for text in texts if (row := self._kept.get((model, text))) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            rows = await self._encoder.encode(missing, priority=priority)
            known.update(zip(missing, rows, strict=True))
            if self.model == model:
                self._keep(model, {text: known[text] for text in missing})
        return np.array([known[text] for text in texts], dtype=np.float32).reshape(len(texts), self.dimension)

    def count_tokens(self, text: str) -> int:
        """Counts the tokens of a text, without a limit. Blocks."""
        return self._encoder.count_tokens(text)

    def endpoint_states(self) -> dict[str, str]:
        """The state of each server that the encoder is on, by address; empty if it is on none."""
        return self._encoder.endpoint_states() if isinstance(self._encoder, HasEndpoints) else {}

    async def close(self) -> None:
        """Closes the encoder, and forgets what was kept."""
        self._kept.clear()
        await self._encoder.close()

    def _keep(self, model: ModelVersion, rows: Mapping[str, Embedding]) -> None:
        for text, row in rows.items():
            if len(text) <= _LONGEST:
                # A row of its own: a view would keep all of its batch.
                self._kept[model, text] = row.copy()
