"""Opens the store of articles that a configuration names: `open_store`."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gistwire_indexer.embedded import EmbeddedStore
from gistwire_indexer.index import ArticleStore
from gistwire_models.encoder import ModelVersion

from gistwire_server.config import ElasticsearchConfig, ServerConfig
from gistwire_server.errors import ConfigurationError

if TYPE_CHECKING:
    from gistwire_indexer.elasticsearch import ElasticsearchSettings

_API_KEY_VARIABLE = "GISTWIRE_ELASTICSEARCH_API_KEY"
_PASSWORD_VARIABLE = "GISTWIRE_ELASTICSEARCH_PASSWORD"  # noqa: S105  # the variable, not what it holds


async def open_store(config: ServerConfig, *, model: ModelVersion, dimension: int) -> ArticleStore:
    """Opens the store of a configuration.

    Args:
        config: the configuration.
        model: the encoder that embeds articles and queries.
        dimension: length of its vectors.

    Raises:
        ConfigurationError: a secret cannot be read.
        IndexFormatError: the index was written by another version or for another encoder.
        IndexUnavailableError: the index cannot be opened.
    """
    if config.index == "embedded":
        return EmbeddedStore(config.data_dir, model=model, dimension=dimension)
    # The embedded default does not wait for the client's imports.
    from gistwire_indexer.elasticsearch import ElasticsearchStore  # noqa: PLC0415

    settings = await asyncio.to_thread(elasticsearch_settings, config.elasticsearch)
    return ElasticsearchStore(settings, model=model, dimension=dimension)


def elasticsearch_settings(config: ElasticsearchConfig) -> "ElasticsearchSettings":
    """Returns the settings of a cluster, with its secrets.

    Raises:
        ConfigurationError: a secret cannot be read.
    """
    from gistwire_indexer.elasticsearch import ElasticsearchSettings  # noqa: PLC0415

    return ElasticsearchSettings(
        urls=config.urls,
        prefix=config.prefix,
        api_key=_secret("elasticsearch.api_key_file", config.api_key_file, _API_KEY_VARIABLE),
        username=config.username,
        password=_secret("elasticsearch.password_file", config.password_file, _PASSWORD_VARIABLE),
        ca_file=config.ca_file,
        client_certificate_file=config.client_certificate_file,
        client_key_file=config.client_key_file,
        shards=config.shards,
        replicas=config.replicas,
        refresh_interval_s=config.refresh_interval_s,
        request_timeout_s=config.request_timeout_s,
        write_patience_s=config.write_patience_s,
    )


def _secret(field: str, path: Path | None, variable: str) -> str | None:
    if path is None:
        return os.environ.get(variable) or None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{field}: {path} cannot be read") from error
