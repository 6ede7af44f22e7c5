"""Stored summaries: a document for each article, beside the articles; used by `ElasticsearchIndex`."""

from collections.abc import Mapping, Sequence
from typing import Any

from elasticsearch import AsyncElasticsearch, ConflictError

from gistwire_indexer.elasticsearch.documents import document_id, stored_summary, summary_entry
from gistwire_indexer.elasticsearch.schema import IndexNames
from gistwire_indexer.elasticsearch.writing import Action
from gistwire_indexer.index import StoredSummary

# Of an article's summaries by more models than this, the ones stored first are dropped.
_MAX_MODELS = 16

_MAX_CONFLICTS = 8


class SummaryDocuments:
    """The stored summaries of an index of articles.

    A document says which revision it is of, and is read beside the article: so a summary that lost the race with a
    correction is never shown, wherever it was stopped.

    Args:
        client: the cluster.
        names: names of indices and aliases.
    """

    def __init__(self, client: AsyncElasticsearch, names: IndexNames) -> None:
        self._client = client
        self._names = names

    async def store(self, summary: StoredSummary) -> bool:
        """As `ArticleIndex.store_summary`."""
        stored_id = document_id(summary.article_id)
        for _ in range(_MAX_CONFLICTS):
            [(revision, present)] = await self._documents([stored_id])
            if revision is None or revision != summary.revision:
                return False
            models = _models(present, revision)
            # Taken out first, so that the latest comes last.
            models.pop(summary.model, None)
            models[summary.model] = summary_entry(summary)
            models = dict(list(models.items())[-_MAX_MODELS:])
            document = {
                "id": summary.article_id,
                "revision": revision,
                "count": len(models),
                "models": models,
            }
            try:
                await self._write(stored_id, document, present)
            except ConflictError:
                continue
            return True
        return False

    async def read(self, ids: Sequence[str], model: str) -> list[StoredSummary | None]:
        """As `ArticleIndex.stored_summaries`."""
        documents = await self._documents([document_id(article_id) for article_id in ids])
        summaries: list[StoredSummary | None] = []
        for article_id, (revision, present) in zip(ids, documents, strict=True):
            entry = None if revision is None else _models(present, revision).get(model)
            summaries.append(
                None
                if revision is None or entry is None
                else stored_summary(article_id, revision, model, entry)
            )
        return summaries

    async def count(self) -> int:
        """Returns the number of stored summaries."""
        await self._client.indices.refresh(index=self._names.summaries)
        response = await self._client.search(
            index=self._names.summaries,
            size=0,
            aggs={"summaries": {"sum": {"field": "count"}}},
        )
        return int(response["aggregations"]["summaries"]["value"])

    def deletion(self, stored_id: str) -> Action:
        """Deletes the summaries of an article, as part of a bulk request."""
        return Action("delete", self._names.summaries, stored_id)

    async def _documents(self, stored_ids: Sequence[str]) -> list[tuple[str | None, dict[str, Any] | None]]:
        """The revision of each article and the document of its summaries, as they are at this moment."""
        if not stored_ids:
            return []
        docs: list[Mapping[str, Any]] = []
        for stored_id in stored_ids:
            docs.append({"_index": self._names.read, "_id": stored_id, "_source": ["revision"]})
            docs.append({"_index": self._names.summaries, "_id": stored_id})
        response = await self._client.mget(docs=docs)
        answers: list[dict[str, Any]] = response["docs"]
        return [
            (article["_source"]["revision"] if article.get("found") else None, stored)
            for article, stored in zip(answers[::2], answers[1::2], strict=True)
        ]

    async def _write(
        self, stored_id: str, document: dict[str, Any], present: Mapping[str, Any] | None
    ) -> None:
        if present is not None and present.get("found"):
            await self._client.index(
                index=self._names.summaries,
                id=stored_id,
                document=document,
                if_seq_no=present["_seq_no"],
                if_primary_term=present["_primary_term"],
            )
        else:
            await self._client.create(index=self._names.summaries, id=stored_id, document=document)


def _models(present: Mapping[str, Any] | None, revision: str) -> dict[str, dict[str, Any]]:
    """The summaries in a document, by model; empty if it is of another revision."""
    if present is None or not present.get("found") or present["_source"]["revision"] != revision:
        return {}
    models: dict[str, dict[str, Any]] = dict(present["_source"]["models"])
    return models
