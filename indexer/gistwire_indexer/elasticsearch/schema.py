"""Names, mappings and settings of the indices in a cluster; used by `ElasticsearchStore` and `rebuild`.

Each tenant has an index of articles, which a read and a write alias point to: in one for all, how rare a word is
would depend on what others write. An index is never changed in its mapping: a new schema, like another encoder, takes
a new index, which `rebuild` fills and swaps in.
"""

from dataclasses import dataclass
from typing import Any

from gistwire_models.encoder import ModelVersion

from gistwire_indexer.elasticsearch.connection import ElasticsearchSettings

SCHEMA_VERSION = 1
"""To be raised whenever a mapping changes, or `analyze` comes to give other terms."""

USERS_SCHEMA_VERSION = 1
"""To be raised whenever the mapping of the users' indices changes."""

_KEYWORD = {"type": "keyword"}
_KEPT_ONLY = {"type": "keyword", "index": False, "doc_values": False}
_INSTANT = {"type": "long"}
_NUMBER = {"type": "double"}


@dataclass(frozen=True, slots=True)
class IndexNames:
    """The names of a tenant's indices and aliases. Neither part holds a dot, so no two tenants share a name.

    Attributes:
        prefix: what the names of all tenants begin with.
        tenant: whose they are.
    """

    prefix: str
    tenant: str

    @property
    def read(self) -> str:
        """Alias of the index that is searched."""
        return f"{self.prefix}.{self.tenant}.articles"

    @property
    def write(self) -> str:
        """Alias of the index that is written to."""
        return f"{self.prefix}.{self.tenant}.articles.write"

    @property
    def summaries(self) -> str:
        """Index of the stored summaries, a document for each article that has any."""
        return f"{self.prefix}.{self.tenant}.summaries"

    @property
    def deletions(self) -> str:
        """Index of what was deleted, for a rebuild that is under way."""
        return f"{self.prefix}.{self.tenant}.deletions"

    @property
    def user_events(self) -> str:
        """Index of what users did, a document for each event."""
        return f"{self.prefix}.{self.tenant}.user_events"

    @property
    def users(self) -> str:
        """Index of what users say of themselves, a document for each who said anything."""
        return f"{self.prefix}.{self.tenant}.users"

    def articles(self, number: int) -> str:
        """Name of the index of articles that was made as the `number`-th."""
        return f"{self.read}.{number:06d}"

    def number_of(self, index: str) -> int:
        """The number in the name of an index of articles; 0 if it has another name."""
        digits = index.removeprefix(f"{self.read}.")
        return int(digits) if digits.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Schema:
    """What an index of articles was made for.

    Attributes:
        version: as SCHEMA_VERSION.
        model: name and version of the encoder, as ``"name@version"``.
        dimension: length of its embeddings.
    """

    version: int
    model: str
    dimension: int

    @classmethod
    def current(cls, model: ModelVersion, dimension: int) -> "Schema":
        """The schema of this version of Gistwire with an encoder."""
        return cls(SCHEMA_VERSION, str(model), dimension)

    @classmethod
    def of(cls, mapping: dict[str, Any]) -> "Schema":
        """The schema that is written in a mapping; version 0 if there is none."""
        meta = mapping.get("_meta", {})
        return cls(
            int(meta.get("schema_version", 0)), str(meta.get("model", "")), int(meta.get("dimension", 0))
        )


def article_mapping(schema: Schema) -> dict[str, Any]:
    """The mapping of an index of articles.

    `terms` holds what `analyze` made of headline and body, so it is cut at spaces alone; `embedding` is what is
    searched, `embedding_f16` what comes back. The quantization is named because servers choose by themselves
    otherwise (from 9.1 on one bit a dimension, which loses recall at 384 dimensions).
    """
    return {
        "dynamic": "strict",
        "_meta": {
            "schema_version": schema.version,
            "model": schema.model,
            "dimension": schema.dimension,
        },
        # Both are made anew from the rest when an index is rebuilt.
        "_source": {"excludes": ["terms", "embedding"]},
        "properties": {
            "id": _KEYWORD,
            "revision": _KEPT_ONLY,
            "headline": _KEPT_ONLY,
            "body": _KEPT_ONLY,
            "url": _KEPT_ONLY,
            "source": _KEYWORD,
            "source_folded": _KEYWORD,
            "language": _KEYWORD,
            "category": _KEPT_ONLY,
            "category_folded": _KEYWORD,
            "published": _INSTANT,
            "metadata": {"type": "object", "enabled": False},
            "created": _INSTANT,
            "indexed": _INSTANT,
            "dated": _INSTANT,
            "duplicate_of": _KEYWORD,
            "fingerprint": _KEYWORD,
            "terms": {"type": "text", "analyzer": "whitespace", "index_options": "freqs"},
            "embedding": {
                "type": "dense_vector",
                "dims": schema.dimension,
                "similarity": "cosine",
                "index": True,
                "index_options": {"type": "int8_hnsw", "m": 16, "ef_construction": 100},
            },
            "embedding_f16": _KEPT_ONLY,
        },
    }


def summary_mapping() -> dict[str, Any]:
    """The mapping of the index of stored summaries: `models` holds a summary by each model's name."""
    return {
        "dynamic": "strict",
        "properties": {
            "id": _KEYWORD,
            "revision": _KEPT_ONLY,
            "count": {"type": "integer"},
            "models": {"type": "object", "enabled": False},
        },
    }


def deletion_mapping() -> dict[str, Any]:
    """The mapping of the index of deletions."""
    return {"dynamic": "strict", "properties": {"deleted": _INSTANT}}


def user_event_mapping() -> dict[str, Any]:
    """The mapping of the index of user events; `weight` and `opinion` are as the functions of user_events.py."""
    return {
        "dynamic": "strict",
        "_meta": {"schema_version": USERS_SCHEMA_VERSION},
        "properties": {
            "event_id": _KEYWORD,
            "user_id": _KEYWORD,
            "article_id": _KEYWORD,
            "kind": _KEPT_ONLY,
            "occurred": _INSTANT,
            "rating": {**_NUMBER, "index": False, "doc_values": False},
            "request_id": _KEPT_ONLY,
            "weight": _NUMBER,
            "opinion": _NUMBER,
        },
    }


def user_mapping() -> dict[str, Any]:
    """The mapping of the index of users."""
    return {"dynamic": "strict", "properties": {"user_id": _KEYWORD, "tags": _KEPT_ONLY}}


def user_index_settings(settings: ElasticsearchSettings) -> dict[str, Any]:
    """Settings of the users' indices, in which a merge that expunges deletions leaves none out."""
    return {**index_settings(settings), "merge.policy.expunge_deletes_allowed": 0}


def index_settings(settings: ElasticsearchSettings) -> dict[str, Any]:
    """Settings of every index that is made."""
    return {
        "number_of_shards": settings.shards,
        "number_of_replicas": settings.replicas,
        "refresh_interval": f"{round(settings.refresh_interval_s * 1000)}ms",
        # An index that no search asks for would else stop refreshing, and those who wait for it with it.
        "search.idle.after": "365d",
        "similarity": {"default": {"type": "BM25", "k1": 1.2, "b": 0.75}},
    }
