"""Makes a valid article of what a source gave. The ingestor calls it for each article."""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from gistwire_indexer.article import UNDETERMINED_LANGUAGE, Article, derive_id
from gistwire_indexer.cleaning import clean_text, remove_unprintable
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.language import identify_language, normalize_language
from gistwire_indexer.sources.dates import parse_date, to_utc
from gistwire_indexer.sources.record import RawArticle

_WORD = re.compile(r"\w+")


def preprocess(raw: RawArticle) -> Article:
    """Cleans every field, and fills in identifier and language where the source gave none.

    A body that merely repeats the headline is left out. A time of publication that cannot be read is kept as
    metadata.

    Raises:
        ArticleError: a field breaks the limits of `Article`; the error names it.
    """
    headline = clean_text(raw.headline, multiline=False)
    body = clean_text(raw.body, multiline=True)
    if _words(body) == _words(headline):
        body = ""
    url = _strip(raw.url)
    source = clean_text(raw.source, multiline=False)
    published = _published(raw.published)
    metadata = _clean_metadata(raw.metadata)
    if published is None and raw.published:
        metadata.setdefault("published", _strip(str(raw.published)))
    return Article(
        id=_strip(raw.id) or derive_id(url=url, headline=headline, source=source),
        headline=headline,
        body=body,
        url=url,
        source=source,
        language=_language(raw.language, headline=headline, body=body),
        category=clean_text(raw.category, multiline=False),
        published=published,
        metadata=MappingProxyType(metadata),
    )


def _published(given: datetime | str | None) -> datetime | None:
    if not isinstance(given, datetime):
        return parse_date(given) if given else None
    try:
        return to_utc(given)
    except OverflowError as error:
        raise ArticleError("published", "must be a time between the years 1 and 9999") from error


def _language(declared: str, *, headline: str, body: str) -> str:
    code = normalize_language(declared)
    return code if code != UNDETERMINED_LANGUAGE else identify_language(f"{headline}\n{body}")


def _clean_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata is kept as it came, but for what cannot be seen."""
    cleaned = {_strip(key): remove_unprintable(value) for key, value in metadata.items()}
    cleaned.pop("", None)
    return cleaned


def _strip(text: str) -> str:
    return remove_unprintable(text).strip()


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
