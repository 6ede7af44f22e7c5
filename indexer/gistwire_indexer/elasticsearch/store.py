"""The articles of all tenants in a cluster: `ElasticsearchStore`, an `ArticleStore`."""

import asyncio

from elasticsearch import AsyncElasticsearch, BadRequestError
from gistwire_models.encoder import ModelVersion

from gistwire_indexer.elasticsearch.connection import ElasticsearchSettings, connect, explained_errors
from gistwire_indexer.elasticsearch.index import ElasticsearchIndex
from gistwire_indexer.elasticsearch.schema import (
    IndexNames,
    Schema,
    article_mapping,
    deletion_mapping,
    index_settings,
    summary_mapping,
)
from gistwire_indexer.errors import IndexFormatError, IndexUnavailableError
from gistwire_indexer.index import check_tenant

_ALREADY_THERE = "resource_already_exists_exception"


class ElasticsearchStore:
    """An `ArticleStore` in a cluster. Use `open`.

    Attributes:
        client: the cluster.
        names: names of indices and aliases.
        settings: as given.
        schema: what the store needs the index of articles to be made for.
    """

    def __init__(self, client: AsyncElasticsearch, settings: ElasticsearchSettings, schema: Schema) -> None:
        self.client = client
        self.names = IndexNames(settings.prefix)
        self.settings = settings
        self.schema = schema
        self._indices: dict[str, ElasticsearchIndex] = {}
        self._closed = False

    @classmethod
    async def open(
        cls,
        settings: ElasticsearchSettings,
        *,
        model: ModelVersion,
        dimension: int,
        for_rebuild: bool = False,
    ) -> "ElasticsearchStore":
        """Connects to a cluster, and makes the indices that are missing.

        Args:
            settings: where it is.
            model: the encoder that embeds articles and queries.
            dimension: length of its vectors.
            for_rebuild: whether an index that was made for another schema or encoder will do.

        Raises:
            IndexUnavailableError: the cluster does not answer.
            IndexFormatError: the index was made by a newer version; or by an older one or for another encoder, and
                must be rebuilt.
        """
        store = cls(connect(settings), settings, Schema.current(model, dimension))
        try:
            with explained_errors():
                await store._ensure_indices()
                present = await store.present_schema()
        except BaseException:
            await store.close()
            raise
        if not for_rebuild and present != store.schema:
            await store.close()
            raise IndexFormatError(_difference(present, store.schema))
        return store

    async def tenant(self, name: str) -> ElasticsearchIndex:
        """As `ArticleStore.tenant`."""
        if self._closed:
            raise IndexUnavailableError("the indices were closed")
        if name not in self._indices:
            self._indices[name] = ElasticsearchIndex(
                self.client,
                self.names,
                tenant=check_tenant(name),
                dimension=self.schema.dimension,
                patience_s=self.settings.write_patience_s,
            )
        return self._indices[name]

    async def close(self) -> None:
        """As `ArticleStore.close`."""
        self._closed = True
        await asyncio.gather(*(index.close() for index in self._indices.values()))
        await self.client.close()

    async def present_schema(self) -> Schema:
        """Returns what the index that is searched was made for.

        Raises:
            IndexUnavailableError: the cluster does not answer.
        """
        with explained_errors():
            response = await self.client.indices.get_mapping(index=self.names.read)
        [mapping] = [index["mappings"] for index in response.values()]
        return Schema.of(mapping)

    async def _ensure_indices(self) -> None:
        for name, mapping in (
            (self.names.summaries, summary_mapping()),
            (self.names.deletions, deletion_mapping()),
        ):
            await self._create(name, mapping)
        if not await self.client.indices.exists_alias(name=self.names.read):
            # Several processes may start at once: the name is the same for all, and aliases come with the index.
            await self._create(
                self.names.articles(1),
                article_mapping(self.schema),
                aliases={self.names.read: {}, self.names.write: {}},
            )

    async def _create(
        self, name: str, mapping: dict[str, object], *, aliases: dict[str, dict[str, object]] | None = None
    ) -> None:
        if await self.client.indices.exists(index=name):
            return
        try:
            await self.client.indices.create(
                index=name, mappings=mapping, settings=index_settings(self.settings), aliases=aliases or {}
            )
        except BadRequestError as error:
            if error.error != _ALREADY_THERE:
                raise


def _difference(present: Schema, needed: Schema) -> str:
    if present.version > needed.version:
        return (
            f"the index has schema {present.version}; this version of Gistwire knows up to {needed.version}"
        )
    if present.version < needed.version:
        return f'the index has schema {present.version}, not {needed.version}: run "gistwire index rebuild"'
    return (
        f"the index was written for the encoder {present.model} with {present.dimension} dimensions, not for "
        f'{needed.model} with {needed.dimension}: run "gistwire index rebuild"'
    )
