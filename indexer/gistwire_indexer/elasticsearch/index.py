"""The articles of one tenant in a cluster: `ElasticsearchIndex`, an `ArticleIndex`; made by `ElasticsearchStore`."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from elasticsearch import AsyncElasticsearch
from gistwire_models.encoder import Embedding

from gistwire_indexer.analysis import STEMMED_LANGUAGES
from gistwire_indexer.elasticsearch.connection import explained_errors
from gistwire_indexer.elasticsearch.documents import (
    article_document,
    document_id,
    fingerprint_value,
    indexed_article,
)
from gistwire_indexer.elasticsearch.guarding import GuardedTransport
from gistwire_indexer.elasticsearch.queries import (
    dense_query,
    filters_of,
    lexical_query,
    ranked_search,
)
from gistwire_indexer.elasticsearch.scanning import scan_documents
from gistwire_indexer.elasticsearch.schema import IndexNames
from gistwire_indexer.elasticsearch.summaries import SummaryDocuments
from gistwire_indexer.elasticsearch.writing import (
    Action,
    BulkWriter,
    Change,
    Decision,
    Nothing,
    Present,
    Send,
)
from gistwire_indexer.encoding import to_microseconds
from gistwire_indexer.errors import ArticleError, IndexUnavailableError
from gistwire_indexer.filter import Filter
from gistwire_indexer.index import (
    ArticleToIndex,
    IndexedArticle,
    IndexPosition,
    IndexStatistics,
    Retrieval,
    RetrievalAtOnce,
    RetrievalQuery,
    Retrieved,
    RetrievedLists,
    StoredSummary,
    Visibility,
    WriteOutcome,
)

_MAX_NEAR_DUPLICATES = 16
_MAX_COUNTED_NAMES = 10_000
_EXPIRED_AT_ONCE = 1_000

# A query has a term for each language that articles are in; what other processes index may add one.
_LANGUAGES_KNOWN_FOR_S = 30.0


class ElasticsearchIndex:
    """An `ArticleIndex` in a cluster. Any number of processes may use it at once.

    Args:
        client: the cluster; stays the caller's.
        names: names of the tenant's indices and aliases.
        dimension: length of the embeddings.
        patience_s: how long writes wait for a cluster that is busy or takes none, in seconds.
    """

    def __init__(
        self, client: AsyncElasticsearch, names: IndexNames, *, dimension: int, patience_s: float
    ) -> None:
        self._client = client
        self._names = names
        self._dimension = dimension
        self._writer = BulkWriter(client, names.write, fields=["revision", "created"], patience_s=patience_s)
        self._summaries = SummaryDocuments(client, names)
        self._languages = _Languages()
        self._closed = False

    async def write(
        self, articles: Sequence[ArticleToIndex], *, visibility: Visibility = Visibility.IMMEDIATE
    ) -> list[WriteOutcome | ArticleError]:
        """As `ArticleIndex.write`.

        Raises:
            ValueError: an embedding is not ``float32 [dimension]`` of finite numbers.
        """
        for article in articles:
            self._check_embedding(article.embedding)
        self._check_open()
        if not articles:
            return []
        with explained_errors():
            outcomes = await self._writer.write(
                [self._upsert(article) for article in articles], visibility=visibility
            )
        self._languages.add({article.article.language for article in articles})
        return outcomes

    async def delete(self, ids: Sequence[str]) -> list[bool]:
        """As `ArticleIndex.delete`."""
        self._check_open()
        if not ids:
            return []
        with explained_errors():
            results = await self._writer.write([self._deletion(article_id) for article_id in ids])
        return [result is True for result in results]

    async def expire(self, before: datetime) -> int:
        """As `ArticleIndex.expire`."""
        self._check_open()
        query = {"range": {"dated": {"lt": to_microseconds(before)}}}
        expired = 0
        while True:
            with explained_errors():
                response = await self._client.search(
                    index=self._names.read,
                    query=query,
                    size=_EXPIRED_AT_ONCE,
                    source=False,
                    docvalue_fields=[{"field": "id"}],
                    sort=[{"_doc": "asc"}],
                    track_total_hits=False,
                )
            ids = [hit["fields"]["id"][0] for hit in response["hits"]["hits"]]
            if not ids:
                return expired
            expired += sum(await self.delete(ids))

    async def get(self, ids: Sequence[str]) -> list[IndexedArticle | None]:
        """As `ArticleIndex.get`."""
        return [None if source is None else indexed_article(source) for source in await self._sources(ids)]

    async def revisions(self, ids: Sequence[str]) -> list[str | None]:
        """As `ArticleIndex.revisions`."""
        sources = await self._sources(ids, fields=["revision"])
        return [None if source is None else source["revision"] for source in sources]

    async def retrieve(self, query: RetrievalQuery) -> RetrievedLists:
        """As `ArticleIndex.retrieve`: both lists in one request.

        Raises:
            ValueError: the query's embedding is not ``float32 [dimension]`` of finite numbers.
        """
        if query.embedding is not None:
            self._check_embedding(query.embedding)
        self._check_open()
        filters = filters_of(query.filter)
        lexical = dense = None
        if query.depth >= 1:
            if query.text is not None:
                lexical = lexical_query(query.text, self._languages.known, filters)
            if query.embedding is not None:
                dense = dense_query(query.embedding, query.depth, filters)
        wanted = [ranked_search(leg, query.depth) for leg in (lexical, dense) if leg is not None]
        if not wanted:
            return RetrievedLists((), ())
        languages_due = self._languages.are_due()
        responses = await self._search([*wanted, *([self._language_search()] if languages_due else [])])
        if languages_due:
            self._languages.learn(responses[-1])
        found = iter(responses)
        return RetrievedLists(
            () if lexical is None else _retrieved(next(found)),
            # Elasticsearch scores a cosine as (1 + cosine) / 2.
            () if dense is None else _retrieved(next(found), scale=2, offset=-1),
        )

    def begin_retrieval(self, query: RetrievalQuery) -> Retrieval:
        """As `ArticleIndex.begin_retrieval`: nothing is under way before all can be in one request."""
        return RetrievalAtOnce(self.retrieve, query)

    async def near_duplicates(self, fingerprints: Sequence[tuple[int, ...]]) -> list[list[str]]:
        """As `ArticleIndex.near_duplicates`."""
        self._check_open()
        searches = [self._sharing(fingerprint) for fingerprint in fingerprints if fingerprint]
        found = iter(await self._search(searches) if searches else [])
        return [
            [hit["fields"]["id"][0] for hit in next(found)["hits"]["hits"]] if fingerprint else []
            for fingerprint in fingerprints
        ]

    async def indexed_after(self, position: IndexPosition, *, limit: int) -> list[IndexedArticle]:
        """As `ArticleIndex.indexed_after`."""
        self._check_open()
        with explained_errors():
            response = await self._client.search(
                index=self._names.read,
                sort=[{"indexed": "asc"}, {"id": "asc"}],
                search_after=[to_microseconds(position.indexed), position.id],
                size=limit,
                track_total_hits=False,
            )
        return [indexed_article(hit["_source"]) for hit in response["hits"]["hits"]]

    async def scan(self, filter: Filter | None = None) -> AsyncGenerator[IndexedArticle, None]:  # noqa: A002
        """As `ArticleIndex.scan`."""
        self._check_open()
        query = {"bool": {"filter": filters_of(filter)}}
        async with aclosing(scan_documents(self._client, self._names.read, query)) as pages:
            async for sources in pages:
                for source in sources:
                    yield indexed_article(source)

    async def store_summary(self, summary: StoredSummary) -> bool:
        """As `ArticleIndex.store_summary`.

        Raises:
            ValueError: the summary's embedding is not ``float32 [dimension]`` of finite numbers.
        """
        if summary.embedding is not None:
            self._check_embedding(summary.embedding)
        self._check_open()
        with explained_errors():
            return await self._summaries.store(summary)

    async def stored_summaries(self, ids: Sequence[str], model: str) -> list[StoredSummary | None]:
        """As `ArticleIndex.stored_summaries`."""
        self._check_open()
        with explained_errors():
            return await self._summaries.read(ids, model)

    async def generation(self) -> None:
        """As `ArticleIndex.generation`: it cannot tell. Others write, too, and shards are refreshed by and by."""

    async def statistics(self) -> IndexStatistics:
        """As `ArticleIndex.statistics`."""
        self._check_open()
        with explained_errors():
            response = await self._client.search(
                index=self._names.read,
                size=0,
                track_total_hits=True,
                aggs={
                    name: {"terms": {"field": name, "size": _MAX_COUNTED_NAMES}}
                    for name in ("language", "source")
                },
            )
            sizes = await self._client.indices.stats(index=self._names.read, metric="store")
            summaries = await self._summaries.count()
        counts = {
            name: {bucket["key"]: bucket["doc_count"] for bucket in aggregation["buckets"] if bucket["key"]}
            for name, aggregation in response["aggregations"].items()
        }
        return IndexStatistics(
            articles=response["hits"]["total"]["value"],
            summaries=summaries,
            bytes_on_disk=sizes["_all"]["total"]["store"]["size_in_bytes"],
            languages=counts["language"],
            sources=counts["source"],
        )

    def endpoint_states(self) -> dict[str, str]:
        """The state of the cluster's breaker, a value of BreakerState, as that of one endpoint."""
        transport = self._client.transport
        return {"cluster": transport.breaker.state.value} if isinstance(transport, GuardedTransport) else {}

    async def close(self) -> None:
        """As `ArticleIndex.close`."""
        self._closed = True

    def _upsert(self, to_index: ArticleToIndex) -> Change[WriteOutcome]:
        article_id = document_id(to_index.article.id)
        revision = to_index.article.revision()

        def decide(present: Present | None) -> Decision[WriteOutcome]:
            if present is not None and present.source["revision"] == revision:
                return Nothing(WriteOutcome.UNCHANGED)
            now = to_microseconds(datetime.now(UTC))
            created = now if present is None else present.source["created"]
            document = article_document(to_index, created=created, indexed=now)
            kind = "create" if present is None else "index"
            action = Action(kind, self._names.write, article_id, document, present, is_alias=True)
            if present is None:
                return Send(WriteOutcome.CREATED, action)
            return Send(WriteOutcome.UPDATED, action, (self._summaries.deletion(article_id),))

        return Change(article_id, decide)

    def _deletion(self, article_id: str) -> Change[bool]:
        deleted_id = document_id(article_id)

        def decide(present: Present | None) -> Decision[bool]:
            if present is None:
                return Nothing(result=False)
            now = to_microseconds(datetime.now(UTC))
            tombstone = Action(
                "index", self._names.deletions, deleted_id, msgspec.json.encode({"deleted": now})
            )
            action = Action("delete", self._names.write, deleted_id, replaces=present, is_alias=True)
            return Send(True, action, (tombstone, self._summaries.deletion(deleted_id)))

        return Change(deleted_id, decide)

    async def _sources(
        self, ids: Sequence[str], *, fields: Sequence[str] | None = None
    ) -> list[dict[str, Any] | None]:
        """Documents as they are at this moment; None for those that do not exist."""
        self._check_open()
        if not ids:
            return []
        with explained_errors():
            response = await self._client.mget(
                index=self._names.read,
                ids=[document_id(article_id) for article_id in ids],
                source_includes=None if fields is None else list(fields),
            )
        return [document["_source"] if document.get("found") else None for document in response["docs"]]

    async def _search(self, bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Carries out searches in one request."""
        lines: list[dict[str, Any]] = []
        for body in bodies:
            lines += [{"index": self._names.read}, body]
        with explained_errors():
            response = await self._client.msearch(searches=lines)
        for each in response["responses"]:
            if "error" in each:
                raise IndexUnavailableError(f"Elasticsearch answers {each['status']} {each['error']['type']}")
        responses: list[dict[str, Any]] = response["responses"]
        return responses

    def _language_search(self) -> dict[str, Any]:
        return {
            "size": 0,
            "track_total_hits": False,
            "aggs": {"language": {"terms": {"field": "language", "size": len(STEMMED_LANGUAGES) + 100}}},
        }

    def _sharing(self, fingerprint: Sequence[int]) -> dict[str, Any]:
        values = [fingerprint_value(value) for value in fingerprint]
        return {
            "query": {"bool": {"filter": [{"terms": {"fingerprint": values}}]}},
            "size": _MAX_NEAR_DUPLICATES,
            "sort": [{"created": "asc"}, {"id": "asc"}],
            "_source": False,
            "docvalue_fields": ["id"],
            "track_total_hits": False,
        }

    def _check_open(self) -> None:
        if self._closed:
            raise IndexUnavailableError("the index was closed")

    def _check_embedding(self, embedding: Embedding) -> None:
        if embedding.shape != (self._dimension,) or not np.isfinite(embedding).all():
            raise ValueError(
                f"an embedding must have {self._dimension} finite numbers, not {embedding.shape}"
            )


class _Languages:
    """The languages that the articles are in, as far as is known here."""

    def __init__(self) -> None:
        self.known = STEMMED_LANGUAGES
        self._learnt_at: float | None = None

    def are_due(self) -> bool:
        """Whether to ask again."""
        return self._learnt_at is None or time.monotonic() - self._learnt_at > _LANGUAGES_KNOWN_FOR_S

    def learn(self, response: dict[str, Any]) -> None:
        """Takes the answer of a search that counted them."""
        buckets = response["aggregations"]["language"]["buckets"]
        self.known = frozenset(bucket["key"] for bucket in buckets)
        self._learnt_at = time.monotonic()

    def add(self, languages: set[str]) -> None:
        """Takes the languages of articles that were just written."""
        self.known |= languages


def _retrieved(response: dict[str, Any], *, scale: float = 1, offset: float = 0) -> tuple[Retrieved, ...]:
    return tuple(
        Retrieved(
            hit["fields"]["id"][0],
            hit["_score"] * scale + offset,
            hit["fields"].get("duplicate_of", [None])[0],
        )
        for hit in response["hits"]["hits"]
    )
