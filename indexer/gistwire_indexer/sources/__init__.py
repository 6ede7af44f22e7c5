"""Reads articles from JSON lines, CSV, RSS and Atom: files, standard input and web addresses.

for record in read_source("news.jsonl.gz"):
    record.fields or record.error
"""

from gistwire_indexer.sources.reading import SourceFormat, read_source
from gistwire_indexer.sources.record import RawArticle, SourceRecord

__all__ = ["RawArticle", "SourceFormat", "SourceRecord", "read_source"]
