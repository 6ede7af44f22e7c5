"""jina as its users have it: an `Executor` served over gRPC in a process of its own, and its client.

Run by `peer_process.py` in jina's own environment. ``--wrapped`` puts our engine in place of torch.
"""

# pyright: reportMissingImports=false, reportReturnType=false
import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from docarray import BaseDoc, DocList
from docarray.index import InMemoryExactNNIndex
from docarray.typing import NdArray
from jina import Client, Deployment, Executor, requests
from pydantic import Field
from sentence_transformers import SentenceTransformer

from benchmarks.peers.adapter import BackgroundLoop, Emit, Settings, read_articles, serve, text_of
from benchmarks.peers.stored_vectors import stored_vectors
from benchmarks.peers.torch_summarizer import TorchSummarizer


class EmbeddedArticle(BaseDoc):
    """An article in the index; its id is the article's."""

    embedding: NdArray


class Query(BaseDoc):
    """What is searched for."""

    text: str


class Part(BaseDoc):
    """A part of an answer: the hits, their summaries, or the final order."""

    hits: list[str] = Field(default_factory=list)
    summaries: dict[str, str] = Field(default_factory=dict)
    order: list[str] = Field(default_factory=list)


class SearchExecutor(Executor):
    """Searches docarray's exact index, summarizes in one batch, orders; jina has no lexical search of its own."""

    def __init__(self, settings: dict[str, Any], *, wrapped: bool, **options: Any) -> None:
        super().__init__(**options)
        given = Settings(**settings)
        torch.set_num_threads(given.threads)
        self._top_k = given.top_k
        self._articles = {article["id"]: article for article in read_articles(given)}
        self._embed: Callable[[Sequence[str]], Any]
        self._summarize: Callable[[Sequence[dict[str, str]]], list[str]]
        if wrapped:
            from benchmarks.peers.our_engine import OurEngine  # noqa: PLC0415 (there in this variant alone)

            engine = OurEngine(given)
            self._embed, self._summarize = engine.embed, engine.summarize
        else:
            encoder = SentenceTransformer(given.encoder)
            self._embed = lambda texts: encoder.encode(list(texts), show_progress_bar=False)
            self._summarize = TorchSummarizer(given).summarize
        texts = [text_of(article) for article in self._articles.values()]
        rows = stored_vectors(given, "ours" if wrapped else "torch", lambda: self._embed(texts))
        self._index = InMemoryExactNNIndex[EmbeddedArticle]()
        self._index.index(
            DocList[EmbeddedArticle](
                EmbeddedArticle(id=name, embedding=row)
                for name, row in zip(self._articles, rows, strict=True)
            )
        )

    @requests(on="/search")
    async def search(self, doc: Query, **_: Any) -> Part:  # type: ignore[misc] # jina reads the type of what is yielded
        """Streams the parts of an answer."""
        embedding, hits = await asyncio.to_thread(self._find, doc.text)
        yield Part(hits=hits)
        texts = await asyncio.to_thread(self._summarize, [self._articles[hit] for hit in hits])
        yield Part(summaries=dict(zip(hits, texts, strict=True)))
        rows = await asyncio.to_thread(self._embed, texts)
        yield Part(order=[hits[place] for place in np.argsort(-(np.asarray(rows) @ embedding))])

    def _find(self, query: str) -> tuple[Any, list[str]]:
        (embedding,) = self._embed([query])
        found, _ = self._index.find(embedding, search_field="embedding", limit=self._top_k)
        return embedding, [str(article.id) for article in found]


class JinaPeer:
    """Asks the executor through jina's client."""

    def __init__(self, settings: Settings, running: ExitStack) -> None:
        deployment = Deployment(
            uses=SearchExecutor,
            uses_with={"settings": asdict(settings), "wrapped": "--wrapped" in sys.argv},
            host="127.0.0.1",
            # Without a hop more: its client then speaks with the executor itself.
            include_gateway=False,
            timeout_ready=-1,
        )
        running.enter_context(deployment)
        self._loop = BackgroundLoop()
        self._client = Client(host="127.0.0.1", port=deployment.port, protocol="grpc", asyncio=True)

    def search(self, query: str, emit: Emit) -> None:
        """Answers one search: hits, then all summaries, then their order."""
        self._loop.run(self._search(query, emit))

    async def _search(self, query: str, emit: Emit) -> None:
        async for part in self._client.stream_doc(on="/search", inputs=Query(text=query), return_type=Part):
            told = {"hits": part.hits, "summaries": part.summaries, "order": part.order}
            emit(**{name: value for name, value in told.items() if value})


if __name__ == "__main__":
    with ExitStack() as running_deployment:
        serve(
            lambda settings: JinaPeer(settings, running_deployment),
            ["jina", "docarray", "grpcio", "torch", "transformers", "sentence-transformers"],
        )
