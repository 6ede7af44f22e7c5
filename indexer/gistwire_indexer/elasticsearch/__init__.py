"""The article index in an Elasticsearch cluster; reached by `ElasticsearchStore`."""

from gistwire_indexer.elasticsearch.connection import ElasticsearchSettings
from gistwire_indexer.elasticsearch.index import ElasticsearchIndex
from gistwire_indexer.elasticsearch.rebuilding import RebuildProgress, rebuild
from gistwire_indexer.elasticsearch.schema import SCHEMA_VERSION
from gistwire_indexer.elasticsearch.store import ElasticsearchStore
from gistwire_indexer.elasticsearch.user_events import ElasticsearchUserEvents

__all__ = [
    "SCHEMA_VERSION",
    "ElasticsearchIndex",
    "ElasticsearchSettings",
    "ElasticsearchStore",
    "ElasticsearchUserEvents",
    "RebuildProgress",
    "rebuild",
]
