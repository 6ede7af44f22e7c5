"""The article as the indexer holds it: validated, identified, with a revision."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import urlsplit

from gistwire_indexer.errors import ArticleError

MAX_ID_CHARACTERS = 128
MAX_HEADLINE_CHARACTERS = 1_000
MAX_BODY_CHARACTERS = 200_000
MAX_URL_CHARACTERS = 2_048
MAX_NAME_CHARACTERS = 200
MAX_METADATA_ENTRIES = 64
MAX_METADATA_KEY_CHARACTERS = 100
MAX_METADATA_VALUE_CHARACTERS = 4_000

UNDETERMINED_LANGUAGE = "und"

_ID = re.compile(r"[^\s\x00-\x20\x7f-\xa0]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A news article, valid by construction.

    Attributes:
        id: stable identifier, printable, without white space.
        headline: plain text, not blank.
        body: plain text; may be empty.
        url: http or https address; may be empty.
        source: publisher or feed; may be empty.
        language: ISO 639 code, or ``"und"``.
        category: may be empty.
        published: with a time zone; None if unknown.
        metadata: what else the source said.

    Raises:
        ArticleError: a field breaks its limits; the error names it.
    """

    id: str
    headline: str
    body: str = ""
    url: str = ""
    source: str = ""
    language: str = UNDETERMINED_LANGUAGE
    category: str = ""
    published: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        _check_length("id", self.id, MAX_ID_CHARACTERS)
        if not _ID.fullmatch(self.id):
            raise ArticleError("id", "must be printable, without white space, and not empty")
        if not self.headline.strip():
            raise ArticleError("headline", "must not be blank")
        _check_length("headline", self.headline, MAX_HEADLINE_CHARACTERS)
        _check_length("body", self.body, MAX_BODY_CHARACTERS)
        _check_length("url", self.url, MAX_URL_CHARACTERS)
        _check_url(self.url)
        _check_length("source", self.source, MAX_NAME_CHARACTERS)
        _check_length("category", self.category, MAX_NAME_CHARACTERS)
        if not _LANGUAGE.fullmatch(self.language):
            raise ArticleError("language", "must be an ISO 639 code of two or three lower-case letters")
        if self.published is not None and self.published.tzinfo is None:
            raise ArticleError("published", "must have a time zone")
        _check_metadata(self.metadata)

    @property
    def text(self) -> str:
        """Headline and body, as they are embedded and searched."""
        return f"{self.headline}\n{self.body}" if self.body else self.headline

    def revision(self) -> str:
        """Hash of the content: 16 hexadecimal digits that change when any field but `id` does."""
        published = self.published.astimezone(UTC).isoformat() if self.published else None
        content = [
            self.headline,
            self.body,
            self.url,
            self.source,
            self.language,
            self.category,
            published,
            sorted(self.metadata.items()),
        ]
        encoded = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return hashlib.blake2b(encoded, digest_size=8).hexdigest()


def derive_id(*, url: str, headline: str, source: str) -> str:
    """Identifier of an article that came without one: a hash of its address, else of headline and source."""
    basis = f"url\n{url}" if url else f"headline\n{source}\n{headline}"
    return hashlib.blake2b(basis.encode(), digest_size=12).hexdigest()


def _check_length(name: str, value: str, maximum: int) -> None:
    if len(value) > maximum:
        raise ArticleError(name, f"has {len(value)} characters; the maximum is {maximum}")


def _check_url(url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ArticleError("url", f"cannot be read: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ArticleError("url", "must be an http or https address")


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if len(metadata) > MAX_METADATA_ENTRIES:
        raise ArticleError("metadata", f"has {len(metadata)} entries; the maximum is {MAX_METADATA_ENTRIES}")
    for key, value in metadata.items():
        _check_length("metadata key", key, MAX_METADATA_KEY_CHARACTERS)
        _check_length(f"metadata[{key!r}]", value, MAX_METADATA_VALUE_CHARACTERS)
