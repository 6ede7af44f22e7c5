"""txtai as its users have it: hybrid `Embeddings`, its `Summary` pipeline, and its `similarity` for the final order.

Run by `peer_process.py` in txtai's own environment; ``--wrapped`` puts our engine into it.
"""

# pyright: reportMissingImports=false
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from txtai import Embeddings
from txtai.pipeline import Summary

from benchmarks.peers.adapter import Emit, Settings, read_articles, serve, source_of, text_of


class TxtaiPeer:
    """Searches and summarizes in one process, as its documentation shows it.

    `Embeddings` answers from a faiss index and a BM25 index, whose scores it normalises and adds up. It keeps no
    texts here (``content=False``): that is its fastest way. Summaries of all hits are written in one batch, greedily
    (its default is four beams), by the settings in the model's configuration.
    """

    def __init__(self, settings: Settings, *, wrapped: bool) -> None:
        torch.set_num_threads(settings.threads)
        self._settings = settings
        articles = read_articles(settings)
        self._articles = {article["id"]: article for article in articles}
        self._summarize: Callable[[Sequence[dict[str, str]]], list[str]]
        if wrapped:
            from benchmarks.peers.our_engine import OurEngine  # noqa: PLC0415 (there in this variant alone)

            engine = OurEngine(settings)

            # A function, as txtai takes whatever else can be called for what makes one.
            def transform(texts: Sequence[str]) -> Any:
                return engine.embed(texts)

            encoder: dict[str, Any] = {"method": "external", "transform": transform}
            self._summarize = engine.summarize
        else:
            encoder = {"path": settings.encoder, "gpu": False}
            self._summary = Summary(settings.summarizer, gpu=False)
            self._summarize = self._summaries
        self._embeddings = Embeddings(
            {**encoder, "content": False, "scoring": {"method": "bm25", "terms": True, "normalize": True}}
        )
        folder, partial = Path(settings.folder), Path(settings.folder).with_suffix(".partial")
        if not folder.exists():
            self._embeddings.index((article["id"], text_of(article)) for article in articles)
            self._embeddings.save(str(partial))
            partial.rename(folder)
        # Also after indexing, so that both ways are one; a function cannot be stored, and is given again.
        self._embeddings.load(str(folder), config=encoder)

    def search(self, query: str, emit: Emit) -> None:
        """Answers one search: hits, then all summaries, then their order."""
        hits = [found[0] for found in self._embeddings.search(query, self._settings.top_k)]
        emit(hits=hits)
        texts = self._summarize([self._articles[hit] for hit in hits])
        emit(summaries=dict(zip(hits, texts, strict=True)))
        similar = self._embeddings.similarity(query, texts)
        emit(order=[hits[place] for place, _ in similar])

    def _summaries(self, articles: Sequence[dict[str, str]]) -> list[str]:
        # `Summary` gives back what has fewer characters than `maxlength` has tokens; no article here is that short.
        sources = [source_of(article) for article in articles]
        return list(self._summary(sources, maxlength=self._settings.max_tokens))


if __name__ == "__main__":
    serve(
        lambda settings: TxtaiPeer(settings, wrapped="--wrapped" in sys.argv),
        ["txtai", "torch", "transformers", "faiss-cpu"],
    )
