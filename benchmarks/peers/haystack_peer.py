"""haystack as its users have it: a `Pipeline` of embedder, two retrievers, joiner, summarizer and ranker.

Run by `peer_process.py` in haystack's own environment. ``--elasticsearch`` takes that document store in place of the
one in memory; ``--wrapped`` puts our engine in place of the embedders and the summarizer.
"""

# pyright: reportMissingImports=false
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from elasticsearch import AsyncElasticsearch, Elasticsearch
from haystack import Document, Pipeline, component
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)
from haystack_integrations.components.retrievers.elasticsearch import (
    ElasticsearchBM25Retriever,
    ElasticsearchEmbeddingRetriever,
)
from haystack_integrations.document_stores.elasticsearch import ElasticsearchDocumentStore

from benchmarks.peers.adapter import BackgroundLoop, Emit, Settings, read_articles, serve, text_of
from benchmarks.peers.stored_vectors import stored_vectors
from benchmarks.peers.torch_summarizer import TorchSummarizer

Article = dict[str, str]

_INDEX = "gistwire-bench-haystack"


@component
class SummarizeDocuments:
    """Writes a summary of each document. haystack has had no component for it since its third version.

    Args:
        write: writes summaries of articles.
        articles: by the ids of their documents.
    """

    def __init__(self, write: Callable[[Sequence[Article]], list[str]], articles: dict[str, Article]) -> None:
        self._write = write
        self._articles = articles

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Returns documents of the same ids, with the summaries as their content."""
        texts = self._write([self._articles[document.id] for document in documents])
        return {
            "documents": [
                Document(id=document.id, content=text)
                for document, text in zip(documents, texts, strict=True)
            ]
        }


@component
class RankBySimilarity:
    """Orders documents by the cosine of their embeddings, which have unit length, with that of the query."""

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document], query_embedding: list[float]) -> dict[str, list[Document]]:
        """Returns the documents, the most similar first."""
        scores = np.asarray([document.embedding for document in documents]) @ np.asarray(query_embedding)
        return {"documents": [documents[place] for place in np.argsort(-scores)]}


@component
class EmbedText:
    """Our encoder in the place of `SentenceTransformersTextEmbedder`."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, list[float]]:
        """Embeds a text."""
        return {"embedding": self._engine.embed([text])[0].tolist()}


@component
class EmbedDocuments:
    """Our encoder in the place of `SentenceTransformersDocumentEmbedder`."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Embeds the content of documents."""
        rows = self._engine.embed([document.content or "" for document in documents])
        return {
            "documents": [
                replace(document, embedding=row.tolist())
                for document, row in zip(documents, rows, strict=True)
            ]
        }


class HaystackPeer:
    """Runs one pipeline for each search, telling of its parts as their components finish."""

    def __init__(self, settings: Settings, running: ExitStack, *, wrapped: bool, elasticsearch: bool) -> None:
        torch.set_num_threads(settings.threads)
        articles = {article["id"]: article for article in read_articles(settings)}
        if wrapped:
            from benchmarks.peers.our_engine import OurEngine  # noqa: PLC0415 (there in this variant alone)

            engine = OurEngine(settings)
            text_embedder, document_embedder = EmbedText(engine), EmbedDocuments(engine)
            write = engine.summarize
        else:
            # The model itself scales vectors to unit length.
            text_embedder = SentenceTransformersTextEmbedder(model=settings.encoder, progress_bar=False)
            document_embedder = SentenceTransformersDocumentEmbedder(
                model=settings.encoder, progress_bar=False
            )
            write = TorchSummarizer(settings).summarize
        documents = [Document(id=name, content=text_of(article)) for name, article in articles.items()]
        rows = stored_vectors(
            settings,
            "ours" if wrapped else "torch",
            lambda: [each.embedding for each in document_embedder.run(documents)["documents"]],
        )
        embedded = [replace(each, embedding=row.tolist()) for each, row in zip(documents, rows, strict=True)]
        lexical, dense = (
            _in_elasticsearch(settings, embedded, running)
            if elasticsearch
            else _in_memory(settings, embedded)
        )
        self._loop = BackgroundLoop()
        self._pipeline = Pipeline()
        parts = {
            "text_embedder": text_embedder,
            "lexical": lexical,
            "dense": dense,
            "joiner": DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=settings.top_k),
            "summarizer": SummarizeDocuments(write, articles),
            "summary_embedder": document_embedder,
            "ranker": RankBySimilarity(),
        }
        for name, part in parts.items():
            self._pipeline.add_component(name, part)
        for sender, receiver in (
            ("text_embedder.embedding", "dense.query_embedding"),
            ("lexical.documents", "joiner.documents"),
            ("dense.documents", "joiner.documents"),
            ("joiner.documents", "summarizer.documents"),
            ("summarizer.documents", "summary_embedder.documents"),
            ("summary_embedder.documents", "ranker.documents"),
            ("text_embedder.embedding", "ranker.query_embedding"),
        ):
            self._pipeline.connect(sender, receiver)

    def search(self, query: str, emit: Emit) -> None:
        """Answers one search: hits, then all summaries, then their order."""
        self._loop.run(self._search(query, emit))

    async def _search(self, query: str, emit: Emit) -> None:
        data = {"text_embedder": {"text": query}, "lexical": {"query": query}}
        async for finished in self._pipeline.run_async_generator(
            data, include_outputs_from={"joiner", "summarizer"}
        ):
            for name, output in finished.items():
                documents = output.get("documents", ())
                ids = [document.id for document in documents]
                match name:
                    case "joiner":
                        emit(hits=ids)
                    case "summarizer":
                        emit(summaries={document.id: document.content for document in documents})
                    case "ranker":
                        emit(order=ids)
                        return


def _in_memory(settings: Settings, embedded: list[Document]) -> tuple[Any, Any]:
    """Writes the articles into a store in memory; returns its two retrievers."""
    store = InMemoryDocumentStore(return_embedding=False)
    store.write_documents(embedded)
    return (
        InMemoryBM25Retriever(store, top_k=settings.depth),
        InMemoryEmbeddingRetriever(store, top_k=settings.depth),
    )


def _in_elasticsearch(settings: Settings, embedded: list[Document], running: ExitStack) -> tuple[Any, Any]:
    """Writes the articles into an index, which goes when the program ends; returns its two retrievers."""
    client = running.enter_context(Elasticsearch(settings.elasticsearch_url))
    client.indices.delete(index=_INDEX, ignore_unavailable=True)
    running.callback(client.indices.delete, index=_INDEX, ignore_unavailable=True)
    # The store asks whether anybody is there, by `GET /`, which a server without plug-ins does not answer.
    here: Any = Elasticsearch
    in_loop: Any = AsyncElasticsearch
    here.info, in_loop.info = lambda _: {}, _no_information
    store = ElasticsearchDocumentStore(hosts=settings.elasticsearch_url, index=_INDEX)
    store.write_documents(embedded)
    client.indices.refresh(index=_INDEX)
    return (
        # By default a word also finds those that differ by a letter or two; no other system here does.
        ElasticsearchBM25Retriever(document_store=store, top_k=settings.depth, fuzziness="0"),
        ElasticsearchEmbeddingRetriever(document_store=store, top_k=settings.depth),
    )


async def _no_information(_: Any) -> dict[str, str]:
    return {}


if __name__ == "__main__":
    with ExitStack() as running_store:
        serve(
            lambda settings: HaystackPeer(
                settings,
                running_store,
                wrapped="--wrapped" in sys.argv,
                elasticsearch="--elasticsearch" in sys.argv,
            ),
            ["haystack-ai", "torch", "transformers", "sentence-transformers"],
        )
