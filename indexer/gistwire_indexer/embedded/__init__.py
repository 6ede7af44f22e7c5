"""The embedded article index, SQLite on disk and arrays in memory; reached by `EmbeddedIndex.open`."""

from gistwire_indexer.embedded.index import EmbeddedIndex

__all__ = ["EmbeddedIndex"]
