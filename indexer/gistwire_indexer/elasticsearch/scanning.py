"""Reads all documents of an index as it stood at one moment, by a point in time; used by `scan` and `rebuild`."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from elasticsearch import AsyncElasticsearch

from gistwire_indexer.elasticsearch.connection import explained_errors

_PAGE_SIZE = 500

# From one page to the next; the caller may take a while with each.
_KEEP_ALIVE = "10m"


async def scan_documents(
    client: AsyncElasticsearch,
    index: str,
    query: dict[str, Any],
    *,
    fields: Sequence[str] | None = None,
    page_size: int = _PAGE_SIZE,
) -> AsyncGenerator[list[dict[str, Any]], None]:
    """Yields pages of the `_source` of documents that match a query.

    Args:
        client: the cluster.
        index: index or alias.
        query: which documents.
        fields: fields of them; None for all.
        page_size: documents on a page; fewer on the last.

    Raises:
        IndexUnavailableError: the cluster does not answer.
    """
    with explained_errors():
        opened = await client.open_point_in_time(index=index, keep_alive=_KEEP_ALIVE)
    pit_id: str = opened["id"]
    try:
        after: list[Any] | None = None
        while True:
            with explained_errors():
                response = await client.search(
                    pit={"id": pit_id, "keep_alive": _KEEP_ALIVE},
                    query=query,
                    sort=["_shard_doc"],
                    search_after=after,
                    size=page_size,
                    source_includes=None if fields is None else list(fields),
                    track_total_hits=False,
                )
            hits = response["hits"]["hits"]
            if not hits:
                return
            pit_id, after = response["pit_id"], hits[-1]["sort"]
            yield [hit["_source"] for hit in hits]
    finally:
        with explained_errors():
            await client.close_point_in_time(id=pit_id)
