"""CTranslate2 alone, with which summarizers are compared: on the CPU and on a GPU."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gistwire_models.shipped import default_summarizer_folder
from gistwire_models.summarizer import SummaryRequest
from gistwire_models.summarizer_folder import read_summarizer_description
from gistwire_models.summarizer_source import DECODING_OPTIONS, SUMMARY_TASK, read_source
from gistwire_models.tokenization import read_tokenizer

MAX_TOKENS = 48
"""Longest summary of all benchmarks that compare engines."""


def raw_rate(engine: Any, requests: Sequence[SummaryRequest], *, batch: int, threads: int) -> float:
    """Summaries a second: tokens in, tokens out, in batches, without drafts.

    Args:
        engine: a ``ctranslate2.Translator`` of our summarizer.
        requests: the articles.
        batch: how many are written in one batch.
        threads: how many batches are written at once.
    """
    sources = read_sources([(each.headline, each.body) for each in requests])

    def write(sources: Sequence[list[str]]) -> None:
        engine.translate_batch(sources, beam_size=1, max_decoding_length=MAX_TOKENS, **DECODING_OPTIONS)

    return rate_of(write, sources, batch=batch, threads=threads)


def read_sources(articles: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Headlines and bodies as the tokens that our summarizer reads."""
    folder = default_summarizer_folder()
    description = read_summarizer_description(folder)
    tokenizer = read_tokenizer(folder)
    return [
        read_source(
            tokenizer,
            task=SUMMARY_TASK,
            headline=headline,
            body=body,
            max_tokens=description.max_source_tokens,
        ).tokens
        for headline, body in articles
    ]


def rate_of(
    write: Callable[[Sequence[Any]], object], items: Sequence[Any], *, batch: int, threads: int
) -> float:
    """Items a second that are written in batches, several at once."""
    batches = [items[start : start + batch] for start in range(0, len(items), batch)]
    begin = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(write, each) for each in batches]:
            done.result()
    return len(items) / (time.perf_counter() - begin)
