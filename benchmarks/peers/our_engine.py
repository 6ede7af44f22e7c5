"""Our engine as a library in a peer's process, for the variant of a peer that has it wrapped in.

It needs ctranslate2, tokenizers, msgspec and numpy in the peer's environment, and our package of models on the path.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import ctranslate2
import numpy as np
from gistwire_models.encoder_engine import EncoderEngine
from gistwire_models.placement import CPU
from gistwire_models.summarizer_source import DECODING_OPTIONS, SUMMARY_TASK, read_source
from gistwire_models.tokenization import read_tokenizer
from numpy.typing import NDArray

from benchmarks.peers.adapter import Settings

_MAX_BATCH = 8
"""Articles in a batch: what CTranslate2 alone is measured with (`python -m benchmarks triton`)."""

_MIN_TOKENS = 6

Item = TypeVar("Item")


class OurEngine:
    """Encoder and summarizer by CTranslate2 in int8, as many batches at once as there are threads."""

    def __init__(self, settings: Settings) -> None:
        encoder, summarizer = Path(settings.converted_encoder), Path(settings.converted_summarizer)
        self._threads = settings.threads
        self._max_tokens = settings.max_tokens
        self._encoder = EncoderEngine.load(encoder, replicas=settings.threads)
        self._translator: Any = CPU.open(ctranslate2.Translator, summarizer, replicas=settings.threads)
        self._tokenizer: Any = read_tokenizer(summarizer)
        described = json.loads((summarizer / "gistwire.json").read_text(encoding="utf-8"))
        self._max_source_tokens: int = described["max_source_tokens"]
        self._pool = ThreadPoolExecutor(settings.threads)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeds texts: ``float32 [len(texts), dimension]``."""
        parts = divided(texts, self._threads)
        return np.concatenate(list(self._pool.map(self._encoder.embed_many, parts)))

    def summarize(self, articles: Sequence[dict[str, str]]) -> list[str]:
        """Writes a summary of each article, in lower case."""
        sources = [self._source(article) for article in articles]
        parts = max(self._threads, -(-len(sources) // _MAX_BATCH))
        written = self._pool.map(self._write, divided(sources, parts))
        return [text for part in written for text in part]

    def _source(self, article: dict[str, str]) -> list[str]:
        return read_source(
            self._tokenizer,
            task=SUMMARY_TASK,
            headline=article["headline"],
            body=article["body"],
            max_tokens=self._max_source_tokens,
        ).tokens

    def _write(self, sources: Sequence[list[str]]) -> list[str]:
        results = self._translator.translate_batch(
            list(sources),
            beam_size=1,
            max_decoding_length=self._max_tokens,
            min_decoding_length=_MIN_TOKENS,
            **DECODING_OPTIONS,
        )
        ids = [[self._tokenizer.token_to_id(token) for token in each.hypotheses[0]] for each in results]
        return [str(text) for text in self._tokenizer.decode_batch(ids)]


def divided(items: Sequence[Item], parts: int) -> list[Sequence[Item]]:
    """Divides items into at most so many parts of nearly equal size, none empty."""
    size = -(-len(items) // parts)
    return [items[start : start + size] for start in range(0, len(items), size)]
