"""The articles of all tenants in a cluster: `ElasticsearchStore`, an `ArticleStore`."""

import asyncio

from elasticsearch import BadRequestError, NotFoundError
from gistwire_models.encoder import ModelVersion

from gistwire_indexer.elasticsearch.connection import ElasticsearchSettings, connect, explained_errors
from gistwire_indexer.elasticsearch.index import ElasticsearchIndex
from gistwire_indexer.elasticsearch.schema import (
    USERS_SCHEMA_VERSION,
    IndexNames,
    Schema,
    article_mapping,
    deletion_mapping,
    index_settings,
    summary_mapping,
    user_event_mapping,
    user_index_settings,
    user_mapping,
)
from gistwire_indexer.elasticsearch.user_events import ElasticsearchUserEvents
from gistwire_indexer.errors import IndexFormatError, IndexUnavailableError
from gistwire_indexer.index import check_tenant

_ALREADY_THERE = "resource_already_exists_exception"


class ElasticsearchStore:
    """An `ArticleStore` in a cluster. A tenant's indices are made when they are first asked for.

    Args:
        settings: where the cluster is.
        model: the encoder that embeds articles and queries.
        dimension: length of its vectors.

    Attributes:
        client: the cluster.
        settings: as given.
        schema: what indices of articles must be made for.

    Raises:
        IndexUnavailableError: an address in the settings makes no sense.
    """

    def __init__(self, settings: ElasticsearchSettings, *, model: ModelVersion, dimension: int) -> None:
        self.client = connect(settings)
        self.settings = settings
        self.schema = Schema.current(model, dimension)
        self._indices: dict[str, ElasticsearchIndex] = {}
        self._user_events: dict[str, ElasticsearchUserEvents] = {}
        self._opening = asyncio.Lock()
        self._closed = False

    def names(self, tenant: str) -> IndexNames:
        """Returns the names of a tenant's indices and aliases.

        Raises:
            ValueError: `tenant` is no name of one.
        """
        return IndexNames(self.settings.prefix, check_tenant(tenant))

    async def tenant(self, name: str) -> ElasticsearchIndex:
        """As `ArticleStore.tenant`."""
        names = self.names(name)
        async with self._opening:
            if self._closed:
                raise IndexUnavailableError("the indices were closed")
            if name not in self._indices:
                await self._open(names)
                self._indices[name] = ElasticsearchIndex(
                    self.client,
                    names,
                    dimension=self.schema.dimension,
                    patience_s=self.settings.write_patience_s,
                )
            return self._indices[name]

    async def user_events(self, name: str) -> ElasticsearchUserEvents:
        """As `ArticleStore.user_events`."""
        names = self.names(name)
        async with self._opening:
            if self._closed:
                raise IndexUnavailableError("the indices were closed")
            if name not in self._user_events:
                with explained_errors():
                    await self._ensure_user_indices(names)
                self._user_events[name] = ElasticsearchUserEvents(
                    self.client, names, patience_s=self.settings.write_patience_s
                )
            return self._user_events[name]

    async def tenants(self) -> list[str]:
        """Returns the names of the tenants that have indices.

        Raises:
            IndexUnavailableError: the cluster does not answer.
        """
        with explained_errors():
            aliases = await self.client.indices.get_alias(name=f"{self.settings.prefix}.*.articles")
        found = {alias for index in aliases.values() for alias in index["aliases"]}
        return sorted(alias.split(".")[1] for alias in found)

    async def present_schema(self, names: IndexNames) -> Schema:
        """Returns what the index that is searched was made for.

        Raises:
            IndexUnavailableError: the cluster does not answer, or there is no index.
        """
        try:
            with explained_errors():
                response = await self.client.indices.get_mapping(index=names.read)
        except IndexUnavailableError as error:
            if isinstance(error.__cause__, NotFoundError):
                raise IndexUnavailableError(f"there is no index {names.read}") from error
            raise
        [mapping] = [index["mappings"] for index in response.values()]
        return Schema.of(mapping)

    async def close(self) -> None:
        """As `ArticleStore.close`."""
        self._closed = True
        await asyncio.gather(
            *(index.close() for index in self._indices.values()),
            *(users.close() for users in self._user_events.values()),
        )
        await self.client.close()

    async def _open(self, names: IndexNames) -> None:
        """Makes the indices that are missing, and checks the one that is there."""
        with explained_errors():
            await self._ensure_indices(names)
        present = await self.present_schema(names)
        if present != self.schema:
            raise IndexFormatError(_difference(present, self.schema))

    async def _ensure_indices(self, names: IndexNames) -> None:
        await self._create(names.summaries, summary_mapping())
        await self._create(names.deletions, deletion_mapping())
        if not await self.client.indices.exists_alias(name=names.read):
            # Several processes may start at once: the name is the same for all, and aliases come with the index.
            await self._create(
                names.articles(1), article_mapping(self.schema), aliases={names.read: {}, names.write: {}}
            )

    async def _ensure_user_indices(self, names: IndexNames) -> None:
        settings = user_index_settings(self.settings)
        await self._create(names.users, user_mapping(), settings=settings)
        await self._create(names.user_events, user_event_mapping(), settings=settings)
        response = await self.client.indices.get_mapping(index=names.user_events)
        version = int(response[names.user_events]["mappings"].get("_meta", {}).get("schema_version", 0))
        if version != USERS_SCHEMA_VERSION:
            raise IndexFormatError(
                f"the users' index has schema {version}; this version of Gistwire knows {USERS_SCHEMA_VERSION}"
            )

    async def _create(
        self,
        name: str,
        mapping: dict[str, object],
        *,
        aliases: dict[str, dict[str, object]] | None = None,
        settings: dict[str, object] | None = None,
    ) -> None:
        if await self.client.indices.exists(index=name):
            return
        try:
            await self.client.indices.create(
                index=name,
                mappings=mapping,
                settings=settings or index_settings(self.settings),
                aliases=aliases or {},
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
