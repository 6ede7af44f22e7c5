"""`read_page`: the text of an article, taken from its web page."""

import logging
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urljoin

from gistwire_indexer.article import MAX_BODY_CHARACTERS
from gistwire_indexer.cleaning import remove_unprintable
from gistwire_indexer.crawler.canonical_url import canonical_url, host_of
from gistwire_indexer.sources.record import RawArticle

MAX_PAGE_ELEMENTS: Final = 30_000
"""Pages of more elements are not read: some steps of the extraction take quadratic time."""

MIN_TEXT_CHARACTERS: Final = 100
"""Less is no article but what stood around it, such as a notice about cookies."""

_MAX_LANGUAGE_CHARACTERS = 35

# A log without a handler goes to standard error, and this one quotes pages.
logging.getLogger("trafilatura").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says.

    Attributes:
        text: the article without what surrounds it; empty if none was found.
        canonical_url: the address that the page gives itself on its own host, spelled canonically; None if it
            gives none.
        language: as declared; empty if it is not.
    """

    text: str
    canonical_url: str | None
    language: str


def read_page(html: bytes, *, url: str) -> Page | None:
    """Reads a page. Takes up to seconds, so it is for threads.

    Args:
        html: the page.
        url: its address.

    Returns:
        what it says; None if it cannot be read, is too large or asks not to be indexed.
    """
    # Importing takes a second, which crawling feeds alone is spared.
    from trafilatura import extract  # noqa: PLC0415
    from trafilatura.utils import load_html  # noqa: PLC0415

    try:
        tree = load_html(html)
        if tree is None or _is_too_large(tree) or _asks_not_to_be_indexed(tree):
            return None
        canonical = _canonical_link(tree, url)
        language = str(tree.get("lang") or "").strip()[:_MAX_LANGUAGE_CHARACTERS]
        # The extraction takes the tree apart, so it comes last.
        text = (extract(tree, include_comments=False, include_tables=False) or "").strip()
    except Exception:  # noqa: BLE001 - what a parser makes of hostile input is anyone's guess
        return None
    return Page(text if len(text) >= MIN_TEXT_CHARACTERS else "", canonical, language)


def with_page_text(article: RawArticle, page: Page, *, language: str) -> RawArticle:
    """The article with the text of its page in place of its own, if there is any.

    Args:
        article: as its feed has it, or as it was sent before.
        page: its page.
        language: what is configured for the feed; if empty, that of the page.
    """
    text = remove_unprintable(page.text)[:MAX_BODY_CHARACTERS]
    declared = language or remove_unprintable(page.language) or article.language
    return replace(article, body=text, language=declared) if text else article


def _is_too_large(tree: Any) -> bool:
    return sum(1 for _ in zip(tree.iter(), range(MAX_PAGE_ELEMENTS + 1), strict=False)) > MAX_PAGE_ELEMENTS


def _asks_not_to_be_indexed(tree: Any) -> bool:
    for element in tree.iter("meta"):
        if str(element.get("name") or "").strip().lower() in ("robots", "gistwire"):
            rules = {rule.strip().lower() for rule in str(element.get("content") or "").split(",")}
            if rules & {"noindex", "none"}:
                return True
    return False


def _canonical_link(tree: Any, url: str) -> str | None:
    """The canonical link, unless it leads to another host: a page could claim the article of another publisher."""
    for element in tree.iter("link"):
        if "canonical" in str(element.get("rel") or "").lower().split():
            try:
                target = urljoin(url, str(element.get("href") or "").strip())
            except ValueError:
                return None
            return canonical_url(target) if host_of(target) == host_of(url) else None
    return None
