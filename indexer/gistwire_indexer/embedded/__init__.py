"""The embedded article index, SQLite on disk and arrays in memory; reached by `EmbeddedStore`."""

from gistwire_indexer.embedded.index import EmbeddedIndex
from gistwire_indexer.embedded.store import EmbeddedStore

__all__ = ["EmbeddedIndex", "EmbeddedStore"]
