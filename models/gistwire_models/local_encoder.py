"""The text encoder that runs in this process, on the CPU, by CTranslate2; import it explicitly."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from gistwire_models.batching import DynamicBatcher
from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.encoder_folder import EncoderDescription, read_description
from gistwire_models.errors import ModelFormatError
from gistwire_models.model_folder import TOKENIZER_FILE

# Longer batches were no faster (int8, one core each), and a query may have to wait for the end of one: 25 ms.
_MAX_BATCH_TOKENS = 320

# Enough for 256 tokens of any news text; spares the tokenizer what would be cut anyway.
_MAX_CHARACTERS = 8_192

# More threads than this only help machines that should run a GPU.
_MAX_DEFAULT_THREADS = 8


class LocalEncoder:
    """Embeds texts in this process. Implements TextEncoder.

    Concurrent calls share batches. Each batch is computed on one core, several at once: a short query takes
    half the time that it takes on two cores, and many texts are no slower.
    """

    def __init__(
        self, engine: Any, tokenizer: Tokenizer, description: EncoderDescription, threads: int
    ) -> None:
        """Use `LocalEncoder.load`.

        Args:
            engine: a ``ctranslate2.Encoder`` with `threads` replicas.
            tokenizer: its tokenizer, without padding and truncation.
            description: what the folder says about the encoder.
            threads: number of batches computed at once.
        """
        self._engine = engine
        self._description = description
        self._counting_tokenizer = tokenizer
        self._tokenizer = _truncating(tokenizer, description.max_tokens)
        self._batcher = DynamicBatcher[str, Embedding](
            self._embed,
            cost=lambda text: _estimate_tokens(text, description.max_tokens),
            max_batch_cost=_MAX_BATCH_TOKENS,
            replicas=threads,
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
        description = read_description(folder)
        replicas = threads if threads is not None else default_replicas()
        try:
            tokenizer: Tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        except Exception as error:  # tokenizers raises Exception itself
            raise ModelFormatError(f"{folder / TOKENIZER_FILE} cannot be read: {error}") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        try:
            engine = ctranslate2.Encoder(str(folder), device="cpu", inter_threads=replicas, intra_threads=1)
        except (RuntimeError, ValueError) as error:
            raise ModelFormatError(f"the model in {folder} cannot be loaded: {error}") from error
        return cls(engine, tokenizer, description, threads=replicas)

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion(self._description.name, self._description.version)

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._description.dimension

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:
        """Embeds texts, as TextEncoder says. Of each the first 256 tokens and 8 192 characters count."""
        rows = await self._batcher.submit(texts, priority=priority)
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dimension)

    def count_tokens(self, text: str) -> int:
        """Counts the tokens of a text, without ``[CLS]`` and ``[SEP]`` and without a limit. Blocks."""
        return len(self._counting_tokenizer.encode(without_surrogates(text), add_special_tokens=False).ids)

    async def close(self) -> None:
        """Gives back the model and its threads. Calls that wait end with ModelUnavailableError."""
        await self._batcher.close()
        self._engine.unload_model()

    def _embed(self, texts: Sequence[str]) -> list[Embedding]:
        """Embeds a batch: ``float32 [dimension]`` for each text."""
        encodings = self._tokenizer.encode_batch(
            [without_surrogates(text[:_MAX_CHARACTERS]) for text in texts]
        )
        ids, lengths = _pad(encodings)
        output = self._engine.forward_batch(
            ctranslate2.StorageView.from_array(ids), lengths=ctranslate2.StorageView.from_array(lengths)
        )
        return list(_pool(np.asarray(output.last_hidden_state, dtype=np.float32), lengths))


def default_replicas() -> int:
    """Returns how many batches are computed at once where nobody says: one for each core, at most 8."""
    return min(_available_cores(), _MAX_DEFAULT_THREADS)


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _truncating(tokenizer: Tokenizer, max_tokens: int) -> Tokenizer:
    truncating: Tokenizer = Tokenizer.from_str(tokenizer.to_str())
    truncating.enable_truncation(max_tokens)
    return truncating


def _estimate_tokens(text: str, max_tokens: int) -> int:
    """Estimates the tokens of a text from its length; news differs from it by a fifth on average."""
    # Four characters of English a token; of other scripts three bytes, which is one ideograph.
    content = len(text) // 4 if text.isascii() else len(text[:_MAX_CHARACTERS].encode(errors="replace")) // 3
    return min(max_tokens, content + 2)


def without_surrogates(text: str) -> str:
    """Replaces lone surrogates, which the tokenizer refuses."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _pad(encodings: Sequence[Encoding]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Returns ids, padded to equal length (``int32 [batch, length]``), and lengths (``int32 [batch]``)."""
    lengths = np.array([len(encoding.ids) for encoding in encodings], dtype=np.int32)
    ids = np.zeros((len(encodings), int(lengths.max())), dtype=np.int32)
    for row, encoding in zip(ids, encodings, strict=True):
        row[: len(encoding.ids)] = encoding.ids
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
