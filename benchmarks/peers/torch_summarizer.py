"""The summarizer by transformers, for peers that have none of their own; runs in their environments."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from benchmarks.peers.adapter import Settings, source_of


class TorchSummarizer:
    """Writes summaries in one batch, greedily, as transformers' documentation shows it."""

    def __init__(self, settings: Settings) -> None:
        self._tokenizer: Any = AutoTokenizer.from_pretrained(settings.summarizer)
        self._model: Any = AutoModelForSeq2SeqLM.from_pretrained(settings.summarizer).eval()
        self._task: dict[str, Any] = self._model.config.task_specific_params["summarization"]
        self._max_tokens = settings.max_tokens

    def summarize(self, articles: Sequence[dict[str, str]]) -> list[str]:
        """Writes a summary of each article, in lower case."""
        sources = [self._task["prefix"] + source_of(article) for article in articles]
        inputs = self._tokenizer(sources, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            written = self._model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                do_sample=False,
                num_beams=self._task["num_beams"],
                min_new_tokens=self._task["min_length"],
                max_new_tokens=self._max_tokens,
            )
        return [str(text) for text in self._tokenizer.batch_decode(written, skip_special_tokens=True)]
