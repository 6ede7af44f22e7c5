"""The users of one tenant in a cluster: `ElasticsearchUserEvents`, a `UserEventStore`; from `ElasticsearchStore`."""

import asyncio
import heapq
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec
import structlog
from elasticsearch import AsyncElasticsearch

from gistwire_indexer.elasticsearch.connection import explained_errors
from gistwire_indexer.elasticsearch.documents import document_id
from gistwire_indexer.elasticsearch.scanning import scan_documents
from gistwire_indexer.elasticsearch.schema import IndexNames
from gistwire_indexer.elasticsearch.user_event_documents import (
    OPINION_FIELDS,
    Opinion,
    event_document,
    event_document_id,
    event_of,
    newest_ratings,
    opinion_of,
)
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
from gistwire_indexer.index import Visibility
from gistwire_indexer.user_events import Rating, UserEvent

# So few that the event loop is not held for long.
_PAGE_SIZE = 1_000
_BUCKETS_AT_ONCE = 2_000

EXPUNGED_WITHIN_S = 90.0
"""How long a purge waits for the files to be free of what was deleted, in seconds."""

_EXPUNGE_PAUSE_S = 2.0

# A merge takes as long as what is merged is large.
_MERGE_TIMEOUT_S = 3_600.0

_log = structlog.get_logger(__name__)


class ElasticsearchUserEvents:
    """A `UserEventStore` in a cluster. Any number of processes may use it at once.

    Args:
        client: the cluster; stays the caller's.
        names: names of the tenant's indices.
        patience_s: how long writes wait for a cluster that is busy or takes none, in seconds.
    """

    def __init__(self, client: AsyncElasticsearch, names: IndexNames, *, patience_s: float) -> None:
        self._client = client
        self._names = names
        self._events = BulkWriter(client, names.user_events, fields=["occurred"], patience_s=patience_s)
        self._users = BulkWriter(client, names.users, fields=["tags"], patience_s=patience_s)
        self._closed = False

    async def write(self, events: Sequence[UserEvent]) -> list[bool]:
        """As `UserEventStore.write`."""
        self._check_open()
        with explained_errors():
            results = await self._events.write([self._creation(event) for event in events])
        return [_written(result) for result in results]

    async def history(self, user_id: str, *, limit: int) -> list[UserEvent]:
        """As `UserEventStore.history`."""
        self._check_open()
        events: list[UserEvent] = []
        async with aclosing(self._newest_first([_of_user(user_id)], at_once=limit)) as sources:
            async for source in sources:
                if len(events) == limit:
                    break
                events.append(event_of(source))
        return events

    async def count(self, user_id: str) -> int:
        """As `UserEventStore.count`."""
        self._check_open()
        with explained_errors():
            response = await self._client.count(index=self._names.user_events, query=_of_user(user_id))
        return int(response["count"])

    async def popularity(self, since: datetime, *, limit: int) -> Mapping[str, float]:
        """As `UserEventStore.popularity`; every article and user of the time is gone through."""
        self._check_open()
        totals: dict[str, float] = defaultdict(float)
        async with aclosing(self._weights(since)) as weights:
            async for article_id, weight in weights:
                totals[article_id] += weight
        best = heapq.nsmallest(limit, totals.items(), key=lambda item: (-item[1], item[0]))
        return dict(best)

    async def ratings(self, since: datetime, *, limit: int) -> list[Rating]:
        """As `UserEventStore.ratings`."""
        self._check_open()
        wanted = [{"exists": {"field": "opinion"}}, _since(since)]
        query = {"bool": {"filter": wanted}}
        with explained_errors():
            response = await self._client.count(index=self._names.user_events, query=query)
        # To sort what is read to its end takes Elasticsearch several times as long as to read it.
        if response["count"] <= limit:
            return await self._all_ratings(query)
        latest: dict[tuple[str, str], Opinion] = {}
        async with aclosing(self._newest_first(wanted, at_once=limit)) as sources:
            async for source in sources:
                if len(latest) == limit:
                    break
                latest.setdefault((source["user_id"], source["article_id"]), opinion_of(source))
        return await asyncio.to_thread(newest_ratings, latest.values())

    async def tags(self, user_id: str) -> tuple[str, ...]:
        """As `UserEventStore.tags`."""
        self._check_open()
        with explained_errors():
            [present] = await self._users.present([document_id(user_id)])
        return () if present is None else tuple(present.source["tags"])

    async def set_tags(self, user_id: str, tags: Sequence[str]) -> None:
        """As `UserEventStore.set_tags`."""
        self._check_open()
        with explained_errors():
            # Tags are read by identifier, which sees writes before a refresh.
            [result] = await self._users.write(
                [self._statement(user_id, tags)], visibility=Visibility.EVENTUAL
            )
        _written(result)

    async def purge(self, user_id: str) -> int:
        """As `UserEventStore.purge`, as far as a cluster can.

        The documents are deleted, which no search then finds; then what holds deleted documents is flushed and
        merged, however little of it they are, until the translog and the files of all copies are free of them.
        Elasticsearch keeps them until it has noted that all copies know of the deletion, which it does every 30 s
        (https://github.com/elastic/elasticsearch/issues/56667): so long a purge takes. If a copy is away, they are
        still in the files after EXPUNGED_WITHIN_S, which is logged, and go with the next purge or merge after it is
        back. Snapshots are the operator's.
        """
        erased = 0
        await self.set_tags(user_id, ())
        with explained_errors():
            await self._client.indices.refresh(index=self._names.user_events)
            while found := await self._found_documents(user_id):
                results = await self._events.write([self._deletion(found_id) for found_id in found])
                erased += sum(_written(result) for result in results)
            await self._expunge()
        return erased

    async def close(self) -> None:
        """As `UserEventStore.close`."""
        self._closed = True

    def _creation(self, event: UserEvent) -> Change[bool]:
        stored_id = event_document_id(event)

        def decide(present: Present | None) -> Decision[bool]:
            if present is not None:
                return Nothing(result=False)
            action = Action("create", self._names.user_events, stored_id, event_document(event))
            return Send(result=True, action=action)

        return Change(stored_id, decide)

    def _deletion(self, stored_id: str) -> Change[bool]:
        def decide(present: Present | None) -> Decision[bool]:
            if present is None:
                return Nothing(result=False)
            action = Action("delete", self._names.user_events, stored_id, replaces=present)
            return Send(result=True, action=action)

        return Change(stored_id, decide)

    def _statement(self, user_id: str, tags: Sequence[str]) -> Change[bool]:
        user_document_id = document_id(user_id)

        def decide(present: Present | None) -> Decision[bool]:
            if tags:
                document = msgspec.json.encode({"user_id": user_id, "tags": list(tags)})
                return Send(
                    result=True, action=Action("index", self._names.users, user_document_id, document)
                )
            if present is None:
                return Nothing(result=False)
            return Send(
                result=True, action=Action("delete", self._names.users, user_document_id, replaces=present)
            )

        return Change(user_document_id, decide)

    async def _newest_first(
        self, wanted: Sequence[Mapping[str, Any]], *, at_once: int
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yields documents of events, asking for so many at a time."""
        after: list[Any] | None = None
        size = max(1, min(at_once, _PAGE_SIZE))
        while True:
            with explained_errors():
                response = await self._client.search(
                    index=self._names.user_events,
                    query={"bool": {"filter": list(wanted)}},
                    sort=[{"occurred": "desc"}, {"event_id": "asc"}, {"user_id": "asc"}],
                    search_after=after,
                    size=size,
                    track_total_hits=False,
                )
            hits = response["hits"]["hits"]
            for hit in hits:
                yield hit["_source"]
            if len(hits) < size:
                return
            after = hits[-1]["sort"]

    async def _all_ratings(self, query: dict[str, Any]) -> list[Rating]:
        """The latest rating of each user and article, newest first."""
        latest: dict[tuple[str, str], Opinion] = {}
        pages = scan_documents(
            self._client, self._names.user_events, query, fields=OPINION_FIELDS, page_size=_PAGE_SIZE
        )
        async with aclosing(pages):
            async for sources in pages:
                for source in sources:
                    pair, found = (source["user_id"], source["article_id"]), opinion_of(source)
                    latest[pair] = min(found, latest.get(pair, found))
        return await asyncio.to_thread(newest_ratings, latest.values())

    async def _weights(self, since: datetime) -> AsyncGenerator[tuple[str, float], None]:
        """Yields an article and the weight of the weightiest event, for each article and user."""
        after: dict[str, Any] | None = None
        while True:
            pairs: dict[str, Any] = {
                "size": _BUCKETS_AT_ONCE,
                "sources": [{field: {"terms": {"field": field}}} for field in ("article_id", "user_id")],
            }
            if after is not None:
                pairs["after"] = after
            with explained_errors():
                response = await self._client.search(
                    index=self._names.user_events,
                    query={"bool": {"filter": [{"range": {"weight": {"gt": 0}}}, _since(since)]}},
                    size=0,
                    track_total_hits=False,
                    aggs={
                        "pairs": {"composite": pairs, "aggs": {"weight": {"max": {"field": "weight"}}}},
                    },
                )
            found = response["aggregations"]["pairs"]
            for bucket in found["buckets"]:
                yield bucket["key"]["article_id"], bucket["weight"]["value"]
            after = found.get("after_key")
            if after is None:
                return

    async def _found_documents(self, user_id: str) -> list[str]:
        """The `_id` of some of a user's events."""
        response = await self._client.search(
            index=self._names.user_events,
            query={"bool": {"filter": [_of_user(user_id)]}},
            size=_PAGE_SIZE,
            source=False,
            sort=[{"_doc": "asc"}],
            track_total_hits=False,
        )
        return [hit["_id"] for hit in response["hits"]["hits"]]

    async def _expunge(self) -> None:
        """Drops deleted documents from the files, unless it takes too long."""
        indices = [self._names.user_events, self._names.users]
        patient = self._client.options(request_timeout=_MERGE_TIMEOUT_S)
        begin = time.monotonic()
        while True:
            # The translog has what is in no segment yet; a commit drops segments, a refresh lets go of their files.
            await patient.indices.flush(index=indices, force=True, wait_if_ongoing=True)
            await patient.indices.refresh(index=indices)
            stats = await self._client.indices.stats(index=indices, metric="docs")
            left: int = stats["_all"]["total"]["docs"]["deleted"]
            if not left:
                return
            if time.monotonic() - begin > EXPUNGED_WITHIN_S:
                _log.warning("purged_documents_in_files", documents=left)
                return
            await patient.indices.forcemerge(index=indices, only_expunge_deletes=True)
            await asyncio.sleep(_EXPUNGE_PAUSE_S)

    def _check_open(self) -> None:
        if self._closed:
            raise IndexUnavailableError("the store of users was closed")


def _written(result: bool | ArticleError) -> bool:
    """What a write came to.

    Raises:
        IndexUnavailableError: Elasticsearch refused it.
    """
    if isinstance(result, ArticleError):
        raise IndexUnavailableError(result.description)
    return result


def _of_user(user_id: str) -> dict[str, Any]:
    return {"term": {"user_id": user_id}}


def _since(since: datetime) -> dict[str, Any]:
    return {"range": {"occurred": {"gte": to_microseconds(since)}}}
