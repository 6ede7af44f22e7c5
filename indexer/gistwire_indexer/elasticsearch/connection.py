"""The connection to a cluster: settings, the client, and what its errors mean; used by `ElasticsearchStore`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from elastic_transport import ConnectionError as TransportConnectionError
from elastic_transport import ConnectionTimeout, TransportError
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import ApiError, AsyncElasticsearch

from gistwire_indexer.elasticsearch.guarding import CircuitOpenError, GuardedTransport
from gistwire_indexer.errors import IndexUnavailableError

_BUSY = (429, 503)
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class ElasticsearchSettings:
    """Where a cluster is, and how it is used.

    Attributes:
        urls: addresses of its nodes, such as ``"http://127.0.0.1:9200"``; requests go to all of them in turn.
        prefix: what the names of all indices and aliases begin with.
        api_key: key for each request, in the encoded form that Elasticsearch hands out; None for none.
        username: name for basic authentication; None for none.
        password: password for it.
        ca_file: certificates that sign the nodes' own; None for those of the system.
        client_certificate_file: certificate of this client, for nodes that ask for one; None for none.
        client_key_file: its private key.
        shards: primary shards of an index that is made.
        replicas: copies of each of them.
        refresh_interval_s: how often what was written becomes visible, in seconds.
        request_timeout_s: longest wait for an answer, in seconds.
        write_patience_s: how long a write waits for a cluster that is busy or takes no writes, in seconds.
    """

    urls: tuple[str, ...] = ("http://127.0.0.1:9200",)
    prefix: str = "gistwire"
    api_key: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    shards: int = 1
    replicas: int = 0
    refresh_interval_s: float = 1.0
    request_timeout_s: float = 30.0
    write_patience_s: float = 600.0


def connect(settings: ElasticsearchSettings) -> AsyncElasticsearch:
    """Makes a client; nothing is sent yet.

    Raises:
        IndexUnavailableError: an address makes no sense.
    """
    basic_auth = None if settings.username is None else (settings.username, settings.password or "")
    try:
        return AsyncElasticsearch(
            list(settings.urls),
            api_key=settings.api_key,
            basic_auth=basic_auth,
            ca_certs=_path(settings.ca_file),
            client_cert=_path(settings.client_certificate_file),
            client_key=_path(settings.client_key_file),
            request_timeout=settings.request_timeout_s,
            retry_on_timeout=False,
            # It repeats what met no node, within a budget; `BulkWriter` repeats writes besides.
            transport_class=GuardedTransport,
        )
    except ValueError as error:
        raise IndexUnavailableError(f"elasticsearch: {error}") from error


def _path(path: Path | None) -> str | DefaultType:
    return DEFAULT if path is None else str(path)


@contextmanager
def explained_errors() -> Iterator[None]:
    """Turns errors of the client into IndexUnavailableError."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise IndexUnavailableError(explanation(error)) from error


def explanation(error: ApiError | TransportError) -> str:
    """What an error of the client means, for people; without addresses, credentials or text of articles."""
    match error:
        case CircuitOpenError():
            return "Elasticsearch fails, and is left alone for a while"
        case ConnectionTimeout():
            return "Elasticsearch does not answer in time"
        case TransportConnectionError():
            return "Elasticsearch cannot be reached"
        case ApiError():
            return f"Elasticsearch answers {error.status_code} {error.error}"
        case _:
            return f"Elasticsearch's answer cannot be used: {type(error).__name__}"


def takes_no_writes(status: int, error_type: str) -> bool:
    """Whether a request was refused only for now: too much is under way, or writes are blocked.

    Writes are blocked when a disk is full (429, or 403 before version 8) and at the end of a rebuild (403).

    Args:
        status: HTTP status of the request, or of an item of a bulk request.
        error_type: type of the error, such as ``"cluster_block_exception"``.
    """
    return status in _BUSY or (status == _FORBIDDEN and error_type == "cluster_block_exception")
