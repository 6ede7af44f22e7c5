"""The embedded article index, SQLite on disk and arrays in memory; reached by `EmbeddedStore`."""

from gistwire_indexer.embedded.index import EmbeddedIndex
from gistwire_indexer.embedded.store import EmbeddedStore
from gistwire_indexer.embedded.user_events import EmbeddedUserEvents

__all__ = ["EmbeddedIndex", "EmbeddedStore", "EmbeddedUserEvents"]
