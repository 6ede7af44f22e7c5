"""The embedded indices of all tenants, each in a folder of its own: `EmbeddedStore`, an `ArticleStore`."""

import asyncio
from pathlib import Path

from gistwire_models.encoder import ModelVersion

from gistwire_indexer.embedded.index import EmbeddedIndex
from gistwire_indexer.embedded.user_events import EmbeddedUserEvents
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.index import DEFAULT_TENANT, check_tenant

_TENANTS_FOLDER = "tenants"


class EmbeddedStore:
    """An `ArticleStore` in a folder. An index is opened when it is first asked for.

    Args:
        folder: where the default tenant's index is, with those of the others below it.
        model: the encoder that embeds articles and queries.
        dimension: length of its vectors.
    """

    def __init__(self, folder: Path, *, model: ModelVersion, dimension: int) -> None:
        self._folder = folder
        self._model = model
        self._dimension = dimension
        self._indices: dict[str, EmbeddedIndex] = {}
        self._user_events: dict[str, EmbeddedUserEvents] = {}
        self._opening = asyncio.Lock()
        self._closed = False

    async def tenant(self, name: str) -> EmbeddedIndex:
        """As `ArticleStore.tenant`."""
        async with self._opening:
            if self._closed:
                raise IndexUnavailableError("the indices were closed")
            if name not in self._indices:
                folder = self._folder_of(check_tenant(name))
                self._indices[name] = await EmbeddedIndex.open(
                    folder, model=self._model, dimension=self._dimension
                )
            return self._indices[name]

    async def user_events(self, name: str) -> EmbeddedUserEvents:
        """As `ArticleStore.user_events`."""
        async with self._opening:
            if self._closed:
                raise IndexUnavailableError("the indices were closed")
            if name not in self._user_events:
                self._user_events[name] = await EmbeddedUserEvents.open(self._folder_of(check_tenant(name)))
            return self._user_events[name]

    async def close(self) -> None:
        """As `ArticleStore.close`."""
        async with self._opening:
            self._closed = True
            await asyncio.gather(
                *(index.close() for index in self._indices.values()),
                *(users.close() for users in self._user_events.values()),
            )

    def _folder_of(self, name: str) -> Path:
        return self._folder if name == DEFAULT_TENANT else self._folder / _TENANTS_FOLDER / name
