"""Python client of Gistwire, async (`GistwireClient`) and sync (`SyncGistwireClient`).

Imports the contract and gRPC, nothing of the server or the indexer.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gistwire_client.client import GistwireClient, HealthStatus, SearchOptions
    from gistwire_client.credentials import tls_credentials
    from gistwire_client.errors import (
        CallFailedError,
        DeadlineExceededError,
        FieldViolation,
        GistwireClientError,
        RequestRefusedError,
        SearchFailedError,
        UnreachableError,
    )
    from gistwire_client.ingestion import IngestRetry
    from gistwire_client.sync_client import SyncGistwireClient
    from gistwire_client.watching import WatchRetry

__all__ = [
    "CallFailedError",
    "DeadlineExceededError",
    "FieldViolation",
    "GistwireClient",
    "GistwireClientError",
    "HealthStatus",
    "IngestRetry",
    "RequestRefusedError",
    "SearchFailedError",
    "SearchOptions",
    "SyncGistwireClient",
    "UnreachableError",
    "WatchRetry",
    "tls_credentials",
]

_MODULES = ("client", "credentials", "errors", "ingestion", "sync_client", "watching")


def __getattr__(name: str) -> object:
    # The command imports this package too, and its help should not wait for gRPC.
    if name in __all__:
        for module in _MODULES:
            namespace = vars(import_module(f"gistwire_client.{module}"))
            if name in namespace:
                return namespace[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
