"""The text encoder itself, by CTranslate2: texts in, vectors out, in the calling thread.

`local_encoder.py` and Triton's model `encoder` both compute with it; import it explicitly.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from gistwire_models.encoder import Embedding
from gistwire_models.encoder_folder import EncoderDescription, read_description
from gistwire_models.placement import CPU, Placement
from gistwire_models.tokenization import TokenCounter, read_tokenizer, without_surrogates

# Enough for 256 tokens of any news text; spares the tokenizer what would be cut anyway.
_MAX_CHARACTERS = 8_192

MAX_BATCH_TOKENS = 320
"""Tokens of a batch with its padding, on the CPU: longer ones were no faster (int8, one core each), and a query may
have to wait for the end of one: 25 ms."""

_MAX_BATCH_TOKENS_ON_GPU = 16_384


class EncoderEngine:
    """Embeds texts in the thread that calls; several threads may call at once.

    Attributes:
        description: what the folder says about the encoder.
    """

    def __init__(
        self, engine: Any, tokenizer: Tokenizer, description: EncoderDescription, placement: Placement
    ) -> None:
        """Use `EncoderEngine.load`.

        Args:
            engine: a ``ctranslate2.Encoder``.
            tokenizer: its tokenizer, without padding and truncation.
            description: what the folder says about the encoder.
            placement: where it computes.
        """
        self.description = description
        self._engine = engine
        self._counter = TokenCounter(tokenizer)
        self._tokenizer = tokenizer
        self._max_batch_tokens = _MAX_BATCH_TOKENS_ON_GPU if placement.is_gpu else MAX_BATCH_TOKENS

    @classmethod
    def load(cls, folder: Path, *, replicas: int = 1, placement: Placement = CPU) -> "EncoderEngine":
        """Loads a converted encoder. Blocks for about 0.1 s.

        Args:
            folder: folder written by `convert_encoder`.
            replicas: number of batches computed at once, a core each on the CPU.
            placement: where it computes.

        Raises:
            ModelNotFoundError: there is no converted encoder in `folder`.
            ModelFormatError: its files cannot be used.
        """
        description = read_description(folder)
        tokenizer = read_tokenizer(folder)
        engine = placement.open(ctranslate2.Encoder, folder, replicas=replicas)
        return cls(engine, tokenizer, description, placement)

    def embed(self, texts: Sequence[str]) -> Embedding:
        """Embeds texts as one batch, padded to the longest: ``float32 [len(texts), dimension]``."""
        return self._forward(self._token_ids(texts))

    def embed_many(self, texts: Sequence[str]) -> Embedding:
        """Embeds any number of texts in batches of similar length: ``float32 [len(texts), dimension]``."""
        token_ids = self._token_ids(texts)
        order = sorted(range(len(texts)), key=lambda place: len(token_ids[place]))
        rows = np.empty((len(texts), self.description.dimension), dtype=np.float32)
        for batch in self._batches(order, token_ids):
            rows[batch] = self._forward([token_ids[place] for place in batch])
        return rows

    def count_tokens(self, text: str) -> int:
        """Counts the tokens of a text, without ``[CLS]`` and ``[SEP]`` and without a limit."""
        return self._counter.count_tokens(text)

    def estimate_tokens(self, text: str) -> int:
        """Estimates the tokens of a text from its length; news differs from it by a fifth on average."""
        # Four characters of English a token; of other scripts three bytes, which is one ideograph.
        content = (
            len(text) // 4 if text.isascii() else len(text[:_MAX_CHARACTERS].encode(errors="replace")) // 3
        )
        return min(self.description.max_tokens, content + 2)

    def close(self) -> None:
        """Gives back the model."""
        self._engine.unload_model()

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        read = [without_surrogates(text[:_MAX_CHARACTERS]) for text in texts]
        return [
            _truncated(encoding.ids, self.description.max_tokens)
            for encoding in self._tokenizer.encode_batch(read)
        ]

    def _batches(self, order: Sequence[int], token_ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Yields places in ascending length, so many that a batch has no more tokens than it may."""
        batch: list[int] = []
        for place in order:
            if batch and (len(batch) + 1) * len(token_ids[place]) > self._max_batch_tokens:
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch

    def _forward(self, token_ids: Sequence[Sequence[int]]) -> Embedding:
        ids, lengths = _pad(token_ids)
        output = self._engine.forward_batch(
            ctranslate2.StorageView.from_array(ids), lengths=ctranslate2.StorageView.from_array(lengths)
        )
        hidden = output.last_hidden_state
        if hidden.device != "cpu" or hidden.dtype != ctranslate2.DataType.float32:
            hidden = hidden.to(ctranslate2.DataType.float32).to_device(ctranslate2.Device.cpu)
        return _pool(np.asarray(hidden, dtype=np.float32), lengths)


def _truncated(ids: list[int], max_tokens: int) -> list[int]:
    """The first tokens, and the ``[SEP]`` that ends them.

    So does the tokenizer, if told to; but it counts tokens too, and a second one takes as long to read as the model.
    """
    return ids if len(ids) <= max_tokens else [*ids[: max_tokens - 1], ids[-1]]


def _pad(token_ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Returns ids, padded to equal length (``int32 [batch, length]``), and lengths (``int32 [batch]``)."""
    lengths = np.array([len(each) for each in token_ids], dtype=np.int32)
    ids = np.zeros((len(token_ids), int(lengths.max())), dtype=np.int32)
    for row, each in zip(ids, token_ids, strict=True):
        row[: len(each)] = each
    return ids, lengths


def _pool(hidden: NDArray[np.float32], lengths: NDArray[np.int32]) -> Embedding:
    """Averages the vectors of each text's tokens, and scales to unit length.

    Args:
        hidden: ``float32 [batch, length, dimension]``.
        lengths: ``int32 [batch]``, tokens of each text without padding.
    """
    mask = (np.arange(hidden.shape[1]) < lengths[:, np.newaxis]).astype(np.float32)
    sums: NDArray[np.float32] = np.matmul(mask[:, np.newaxis, :], hidden)[:, 0, :]
    # The sum points where the mean does, and the length is lost anyway.
    embeddings: Embedding = sums / np.linalg.norm(sums, axis=1, keepdims=True).astype(np.float32)
    return embeddings
