"""Which names sources give to the fields of an article. The readers of JSON lines and CSV share it."""

from collections.abc import Mapping

import msgspec

from gistwire_indexer.errors import ArticleError
from gistwire_indexer.sources.record import RawArticle

_NAMES = {
    "id": ("id",),
    "headline": ("headline", "title"),
    "body": ("body", "text", "content", "description"),
    "url": ("url", "link"),
    "source": ("source",),
    "language": ("language", "lang"),
    "category": ("category", "section"),
    "published": ("published", "date", "published_at", "pubdate"),
}
"""For each field its names in lower case, the preferred ones first."""

KNOWN_NAMES = frozenset(name for names in _NAMES.values() for name in names)
"""All names of fields, in lower case."""


def article_from_fields(fields: Mapping[str, object]) -> RawArticle:
    """Makes an article of named values; names are matched without regard to case.

    Of several names for one field the preferred one that is not empty counts, and the others are left out: a
    second body would break the limits of metadata. Names that are not known become metadata, strings as they
    are and other values as compact JSON; null is left out.

    Raises:
        ArticleError: a field holds neither text nor a number.
    """
    known: dict[str, object] = {}
    metadata: dict[str, str] = {}
    for name, value in fields.items():
        if name.lower() in KNOWN_NAMES:
            known.setdefault(name.lower(), value)
        elif value is not None:
            metadata[name] = _as_text(value)
    texts = {field: _first_text(field, known) for field in _NAMES}
    return RawArticle(**texts, metadata=metadata)


def _first_text(field: str, known: Mapping[str, object]) -> str:
    for name in _NAMES[field]:
        value = known.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ArticleError(field, f"must be text, not {_as_text(value)[:50]}")
        return _as_text(value)
    return ""


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
