"""Articles and summaries as documents of Elasticsearch; used by `ElasticsearchIndex`."""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from gistwire_indexer.analysis import term_frequencies
from gistwire_indexer.article import Article
from gistwire_indexer.encoding import (
    decode_embeddings,
    encode_embedding,
    from_microseconds,
    to_microseconds,
    to_signed,
)
from gistwire_indexer.index import ArticleToIndex, IndexedArticle, StoredSummary

_ENCODER = msgspec.json.Encoder()


def document_id(article_id: str) -> str:
    """The `_id` of an article's documents; an identifier itself may be too long for one."""
    return hashlib.blake2b(article_id.encode(), digest_size=16).hexdigest()


def article_document(to_index: ArticleToIndex, *, created: int, indexed: int) -> bytes:
    """An article as a line of JSON.

    Args:
        to_index: the article.
        created: when its first revision was indexed, in microseconds since the epoch.
        indexed: when this one is.
    """
    article = to_index.article
    published = None if article.published is None else to_microseconds(article.published)
    return _ENCODER.encode(
        {
            "id": article.id,
            "revision": article.revision(),
            "headline": article.headline,
            "body": article.body,
            "url": article.url,
            "source": article.source,
            "source_folded": folded(article.source),
            "language": article.language,
            "category": article.category,
            "category_folded": folded(article.category),
            "published": published,
            "metadata": dict(article.metadata),
            "created": created,
            "indexed": indexed,
            "dated": indexed if published is None else published,
            "duplicate_of": to_index.duplicate_of,
            "fingerprint": [fingerprint_value(value) for value in to_index.fingerprint],
            "terms": _repeated(term_frequencies(article.headline, article.body, article.language)),
            "embedding": to_index.embedding.tolist(),
            "embedding_f16": base64.b64encode(encode_embedding(to_index.embedding)).decode("ascii"),
        }
    )


def indexed_article(source: Mapping[str, Any]) -> IndexedArticle:
    """The article in a document."""
    published = source.get("published")
    embedding = base64.b64decode(source["embedding_f16"])
    return IndexedArticle(
        article=Article(
            id=source["id"],
            headline=source["headline"],
            body=source["body"],
            url=source["url"],
            source=source["source"],
            language=source["language"],
            category=source["category"],
            published=None if published is None else from_microseconds(published),
            metadata=source["metadata"],
        ),
        revision=source["revision"],
        indexed=from_microseconds(source["indexed"]),
        duplicate_of=source.get("duplicate_of"),
        embedding=decode_embeddings([embedding], len(embedding) // 2)[0],
    )


def fingerprint_of(source: Mapping[str, Any]) -> tuple[int, ...]:
    """The near-duplicate fingerprint in a document."""
    return tuple(to_signed(int(value, 16)) for value in source.get("fingerprint") or ())


def fingerprint_value(value: int) -> str:
    """A value of a fingerprint as a keyword."""
    return f"{value & (2**64 - 1):016x}"


def stored_summary(article_id: str, revision: str, model: str, source: Mapping[str, Any]) -> StoredSummary:
    """The summary in an entry of a document's `models`."""
    embedding = source.get("embedding_f16")
    blob = b"" if embedding is None else base64.b64decode(embedding)
    return StoredSummary(
        article_id=article_id,
        revision=revision,
        model=model,
        text=source["text"],
        origin=source["origin"],
        log_probability=source.get("log_probability"),
        embedding=decode_embeddings([blob], len(blob) // 2)[0] if blob else None,
    )


def summary_entry(summary: StoredSummary) -> dict[str, Any]:
    """An entry of a document's `models`."""
    entry: dict[str, Any] = {
        "text": summary.text,
        "origin": summary.origin,
        "log_probability": summary.log_probability,
    }
    if summary.embedding is not None:
        entry["embedding_f16"] = base64.b64encode(encode_embedding(summary.embedding)).decode("ascii")
    return entry


def folded(text: str) -> str | None:
    """A name as it is compared, without regard to case; None for an empty one, which no filter then finds."""
    return text.casefold() or None


def _repeated(frequencies: Counter[str]) -> str:
    """A text from which Elasticsearch counts the same frequencies."""
    return " ".join(frequencies.elements())
