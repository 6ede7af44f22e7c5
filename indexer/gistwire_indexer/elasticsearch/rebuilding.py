"""Blue/green rebuild: fills a new index while the old one serves, and swaps it in with one atomic call (`rebuild`).

The copy follows what is written meanwhile in passes. For the last of them writes to the old index are blocked;
writers wait, as they do for a full disk, and go on with the new index. Searches notice nothing.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from elasticsearch import BadRequestError
from gistwire_models.encoder import Priority, TextEncoder

from gistwire_indexer.elasticsearch.connection import explained_errors
from gistwire_indexer.elasticsearch.documents import (
    article_document,
    document_id,
    fingerprint_of,
    indexed_article,
)
from gistwire_indexer.elasticsearch.scanning import scan_documents
from gistwire_indexer.elasticsearch.schema import IndexNames, article_mapping, index_settings, summary_mapping
from gistwire_indexer.elasticsearch.store import ElasticsearchStore
from gistwire_indexer.elasticsearch.writing import Action, send_actions
from gistwire_indexer.errors import IndexFormatError, IndexUnavailableError
from gistwire_indexer.index import ArticleToIndex, Visibility

# A write is visible to the copy only some time after it was stamped, and clocks of indexers differ.
_OVERLAP_S = 60

_MAX_PASSES = 10
# So few articles are copied while writes are blocked within a second.
_FEW_ARTICLES = 500

_Source = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """How far a rebuild is.

    Attributes:
        copied: articles copied so far, those that were written again included.
        total: articles that were there at the beginning.
        step: what is being done: ``"copy"``, ``"catch up"``, ``"swap"``, ``"done"``.
    """

    copied: int
    total: int
    step: str


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """What a rebuild did.

    Attributes:
        old: index that was replaced.
        new: index that replaced it.
        articles: number of articles in it.
        elapsed_s: time for the whole, in seconds.
        writes_blocked_s: how long writers had to wait at the end, in seconds.
    """

    old: str
    new: str
    articles: int
    elapsed_s: float
    writes_blocked_s: float


async def rebuild(
    store: ElasticsearchStore,
    tenant: str,
    encoder: TextEncoder,
    *,
    on_progress: Callable[[RebuildProgress], None] = lambda _: None,
    discard: bool = False,
    grace_s: float = 30.0,
) -> RebuildResult:
    """Makes a tenant's index anew in the present schema, and swaps it in.

    Embeddings are kept if they come from this encoder, else made anew; stored summaries are then dropped, because
    their embeddings are of no use either.

    Args:
        store: the store.
        tenant: whose index.
        encoder: the encoder of the new index.
        on_progress: told how far the rebuild is.
        discard: whether to delete what a rebuild that was killed has left.
        grace_s: how long the old index is kept for searches that run on it, in seconds.

    Raises:
        IndexFormatError: another rebuild is under way, or one was killed; or copies and originals do not agree.
        IndexUnavailableError: the cluster does not answer. The old index goes on serving.
        GistwireModelError: articles could not be embedded. The old index goes on serving.
    """
    return await _Rebuild(store, store.names(tenant), encoder, on_progress).run(
        discard=discard, grace_s=grace_s
    )


class _Rebuild:
    """One rebuild."""

    def __init__(
        self,
        store: ElasticsearchStore,
        names: IndexNames,
        encoder: TextEncoder,
        on_progress: Callable[[RebuildProgress], None],
    ) -> None:
        self._store = store
        self._client = store.client
        self._names = names
        self._encoder = encoder
        self._on_progress = on_progress
        self._copied = 0
        self._total = 0
        self._keeps_embeddings = False

    async def run(self, *, discard: bool, grace_s: float) -> RebuildResult:
        begin = time.monotonic()
        present = await self._store.present_schema(self._names)
        if present.version > self._store.schema.version:
            raise IndexFormatError(
                f"the index has schema {present.version}, which this version does not know"
            )
        self._keeps_embeddings = (present.model, present.dimension) == (
            self._store.schema.model,
            self._store.schema.dimension,
        )
        old = await self._served_index()
        new = self._names.articles(self._names.number_of(old) + 1)
        await self._create(new, old, discard=discard)
        try:
            self._total = await self._count(old)
            since = _now() - _OVERLAP_S * 1_000_000
            await self._copy(old, new, {"match_all": {}}, "copy")
            since = await self._catch_up(old, new, since)
            blocked_at = time.monotonic()
            async with self._writes_blocked(old):
                await self._last_pass(old, new, since)
                await self._swap(old, new)
            blocked_s = time.monotonic() - blocked_at
        except BaseException:
            await asyncio.shield(self._delete_index(new))
            raise
        articles = await self._count(new)
        self._report("done")
        await asyncio.sleep(grace_s)
        await self._delete_index(old)
        return RebuildResult(old, new, articles, time.monotonic() - begin, blocked_s)

    async def _served_index(self) -> str:
        with explained_errors():
            response = await self._client.indices.get_alias(name=self._names.read)
        [name] = list(response)
        return str(name)

    async def _create(self, new: str, old: str, *, discard: bool) -> None:
        with explained_errors():
            if discard:
                await self._delete_index(new)
                await self._set_write_block(old, blocked=False)
            # Refreshing while it is filled would make many small segments.
            settings = index_settings(self._store.settings) | {"refresh_interval": "-1"}
            try:
                await self._client.indices.create(
                    index=new, mappings=article_mapping(self._store.schema), settings=settings
                )
            except BadRequestError as error:
                if error.error != "resource_already_exists_exception":
                    raise
                raise IndexFormatError(
                    f"{new} exists: another rebuild is under way, or one was killed; if none is, discard it "
                    'with "gistwire index rebuild --discard"'
                ) from error

    async def _catch_up(self, old: str, new: str, since: int) -> int:
        """Copies what was written meanwhile, until it is little; returns the time from which the last pass begins."""
        for _ in range(_MAX_PASSES):
            began = _now() - _OVERLAP_S * 1_000_000
            if await self._pass(old, new, since) <= _FEW_ARTICLES:
                return began
            since = began
        return since

    async def _pass(self, old: str, new: str, since: int) -> int:
        """Copies what was written, and deletes what was deleted, since a time; returns the number of both."""
        changed = await self._copy(old, new, {"range": {"indexed": {"gte": since}}}, "catch up")
        return changed + await self._delete_since(old, new, since)

    async def _last_pass(self, old: str, new: str, since: int) -> None:
        self._report("swap")
        with explained_errors():
            await self._client.indices.refresh(index=[old, self._names.deletions])
        await self._pass(old, new, since)
        with explained_errors():
            await self._client.indices.put_settings(
                index=new,
                settings={"refresh_interval": index_settings(self._store.settings)["refresh_interval"]},
            )
        originals, copies = await self._count(old), await self._count(new)
        if originals != copies:
            raise IndexFormatError(f"{new} has {copies} articles, {old} {originals}: nothing was swapped")

    async def _swap(self, old: str, new: str) -> None:
        actions: list[dict[str, dict[str, Any]]] = []
        for alias in (self._names.read, self._names.write):
            actions.append({"remove": {"index": old, "alias": alias}})
            actions.append({"add": {"index": new, "alias": alias}})
        with explained_errors():
            await self._client.indices.update_aliases(actions=actions)
            if not self._keeps_embeddings:
                await self._client.indices.delete(index=self._names.summaries)
                await self._client.indices.create(
                    index=self._names.summaries,
                    mappings=summary_mapping(),
                    settings=index_settings(self._store.settings),
                )

    async def _copy(self, old: str, new: str, query: dict[str, Any], step: str) -> int:
        copied = 0
        async with aclosing(scan_documents(self._client, old, query)) as pages:
            async for page in pages:
                await self._bulk(await self._copies(page, new))
                copied += len(page)
                self._copied += len(page)
                self._report(step)
        return copied

    async def _copies(self, page: Sequence[_Source], new: str) -> list[Action]:
        articles = [indexed_article(source) for source in page]
        embeddings: Sequence[Any] = [each.embedding for each in articles]
        if not self._keeps_embeddings:
            texts = [each.article.text for each in articles]
            embeddings = list(await self._encoder.encode(texts, priority=Priority.INGEST))

        def documents() -> list[Action]:
            return [
                Action(
                    "index",
                    new,
                    document_id(source["id"]),
                    article_document(
                        ArticleToIndex(
                            indexed.article, embedding, fingerprint_of(source), indexed.duplicate_of
                        ),
                        created=source["created"],
                        indexed=source["indexed"],
                    ),
                )
                for source, indexed, embedding in zip(page, articles, embeddings, strict=True)
            ]

        return await asyncio.to_thread(documents)

    async def _delete_since(self, old: str, new: str, since: int) -> int:
        """Deletes from the copy what was deleted since a time and has not come back."""
        deleted = 0
        with explained_errors():
            response = await self._client.search(
                index=self._names.deletions,
                query={"range": {"deleted": {"gte": since}}},
                size=10_000,
                source=False,
                track_total_hits=False,
            )
        ids = [hit["_id"] for hit in response["hits"]["hits"]]
        for start in range(0, len(ids), 1_000):
            part = ids[start : start + 1_000]
            with explained_errors():
                present = await self._client.mget(index=old, ids=part, source=False)
            gone = [each["_id"] for each in present["docs"] if not each.get("found")]
            await self._bulk([Action("delete", new, each) for each in gone])
            deleted += len(gone)
        return deleted

    async def _bulk(self, actions: Sequence[Action]) -> None:
        if not actions:
            return
        with explained_errors():
            answers = await send_actions(self._client, actions, Visibility.EVENTUAL)
        for answer in answers:
            if answer["status"] >= 300 and answer["status"] != 404:
                raise IndexUnavailableError(f"Elasticsearch answers {answer['status']} {answer.get('error')}")

    async def _count(self, index: str) -> int:
        with explained_errors():
            await self._client.indices.refresh(index=index)
            return int((await self._client.count(index=index))["count"])

    @asynccontextmanager
    async def _writes_blocked(self, index: str) -> AsyncGenerator[None, None]:
        """Blocks writes to an index; when the call returns none is under way."""
        try:
            with explained_errors():
                await self._client.indices.add_block(index=index, block="write")
            yield
        except BaseException:
            await asyncio.shield(self._set_write_block(index, blocked=False))
            raise

    async def _set_write_block(self, index: str, *, blocked: bool) -> None:
        with explained_errors():
            await self._client.indices.put_settings(
                index=index, settings={"index.blocks.write": blocked or None}
            )

    async def _delete_index(self, index: str) -> None:
        with explained_errors():
            await self._client.indices.delete(index=index, ignore_unavailable=True)

    def _report(self, step: str) -> None:
        self._on_progress(RebuildProgress(self._copied, self._total, step))


def _now() -> int:
    return time.time_ns() // 1_000
