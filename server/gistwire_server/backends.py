"""Opens what a server runs on, the models beside the index: `open_backends`, without the rest of the server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from gistwire_indexer.index import DEFAULT_TENANT, ArticleStore
from gistwire_models.encoder import CountingEncoder, ModelVersion
from gistwire_models.summarizer import Summarizer

from gistwire_server.config import ServerConfig
from gistwire_server.model_engines import describe_encoder, open_encoder, open_summarizer
from gistwire_server.storage import open_store


@dataclass(frozen=True, slots=True)
class Backends:
    """What a server runs on.

    Attributes:
        encoder: embeds queries and texts.
        summarizer: writes candidate summaries.
        store: where the indices of all tenants are; that of the default tenant is open.
    """

    encoder: CountingEncoder
    summarizer: Summarizer
    store: ArticleStore


@asynccontextmanager
async def open_backends(config: ServerConfig, *, for_few_calls: bool = False) -> AsyncIterator[Backends]:
    """Opens the indices and the models of a configuration, and closes them in the end.

    Args:
        config: what to open.
        for_few_calls: whether the process ends after a few calls, which may need no summarizer: a local one is then
            opened when it is first asked.

    Raises:
        ModelNotFoundError: the encoder's weights are not there; the message says what to install.
        ModelFormatError: a model's files cannot be used.
        IndexFormatError: the index was written by another version or for another encoder.
        IndexUnavailableError: the index cannot be opened.
        ConfigurationError: something that the configuration names cannot be read.
    """
    async with AsyncExitStack() as stack:
        described = await asyncio.to_thread(describe_encoder, config)
        # Beside the index: each takes a good part of what a command waits for.
        encoder = asyncio.create_task(open_encoder(config))
        stack.push_async_callback(_close_opened, encoder)
        summarizer = asyncio.create_task(_open_summarizer(config, encoder, when_asked=for_few_calls))
        stack.push_async_callback(_close_opened, summarizer)
        model = ModelVersion(described.name, described.version)
        store = await open_store(config, model=model, dimension=described.dimension)
        stack.push_async_callback(store.close)
        await store.tenant(DEFAULT_TENANT)
        yield Backends(await encoder, await summarizer, store)


class _Closable(Protocol):
    async def close(self) -> None: ...


async def _open_summarizer(
    config: ServerConfig, encoder: Awaitable[CountingEncoder], *, when_asked: bool
) -> Summarizer:
    return await open_summarizer(config, await encoder, when_asked=when_asked)


async def _close_opened(opening: Awaitable[_Closable]) -> None:
    """Closes what was opened, or is being opened; that it failed was told to who waited for it."""
    try:
        opened = await opening
    except Exception:  # noqa: BLE001
        return
    await opened.close()
