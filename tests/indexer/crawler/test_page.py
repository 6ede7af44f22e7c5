"""Tests of gistwire_indexer.crawler.page."""

import pytest
from gistwire_indexer.article import MAX_BODY_CHARACTERS
from gistwire_indexer.crawler.page import MAX_PAGE_ELEMENTS, Page, read_page, with_page_text
from gistwire_indexer.sources.record import RawArticle
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.indexer.crawler.site import PARAGRAPH, html

URL = "https://wire.example/a"


def read(*paragraphs: str, head: str = "") -> Page | None:
    return read_page(html(*(paragraphs or (PARAGRAPH,)), head=head).body, url=URL)


def test_the_text_of_the_article_is_taken_and_what_surrounds_it_is_not() -> None:
    page = read(PARAGRAPH, PARAGRAPH.replace("crane", "bridge"))
    assert page is not None
    assert "crane" in page.text
    assert "bridge" in page.text
    assert "Home" not in page.text
    assert page.language == "en-GB"


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_the_declared_encoding_counts(encoding: str) -> None:
    head = f"<meta charset='{encoding}'>"
    page = read_page(html(f"Café à Genève: {PARAGRAPH}", head=head).body.decode().encode(encoding), url=URL)
    assert page is not None
    assert "Café à Genève" in page.text


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (
            "<link rel='canonical' href='https://WWW.wire.example/b?utm_source=x'>",
            "https://www.wire.example/b",
        ),
        ("<link rel='shortlink Canonical' href='/b'>", "https://wire.example/b"),
        ("<link rel='canonical' href='https://other.example/b'>", None),
        ("<link rel='canonical' href='http://['>", None),
        ("<link rel='canonical'>", URL),
        ("<link rel='alternate' href='/b'>", None),
    ],
)
def test_the_canonical_link_counts_on_its_own_host(link: str, expected: str | None) -> None:
    page = read(head=link)
    assert page is not None
    assert page.canonical_url == expected


@pytest.mark.parametrize("name", ["robots", "Gistwire"])
@pytest.mark.parametrize(
    ("content", "is_read"), [("noindex", False), ("nofollow, NONE", False), ("all", True)]
)
def test_a_page_that_asks_not_to_be_indexed_is_not_read(name: str, content: str, is_read: bool) -> None:
    assert (read(head=f"<meta name='{name}' content='{content}'>") is not None) is is_read


def test_a_text_of_a_few_words_is_none() -> None:
    page = read("We use cookies.")
    assert page is not None
    assert page.text == ""


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\0" * 100_000,
        b"<html><body>" + b"<p>a" * (MAX_PAGE_ELEMENTS + 1),
        b"<div>" * 100_000,
        b"<!--" * 100_000,
    ],
    ids=["empty", "zeros", "too many elements", "nested", "comments"],
)
def test_hostile_pages_give_no_text(hostile: bytes) -> None:
    page = read_page(hostile, url=URL)
    assert page is None or page.text == ""


@given(st.binary(max_size=200) | st.text("<>/p a='\"&;!-html\0", max_size=100).map(str.encode))
@settings(max_examples=50, deadline=None)
def test_no_page_breaks_it(document: bytes) -> None:
    read_page(document, url=URL)


def test_the_text_of_a_page_replaces_that_of_the_feed() -> None:
    article = RawArticle(headline="H", body="Short.", language="de")
    taken = with_page_text(article, Page("Long.\x1b[31m\ud800", None, "fr"), language="")
    assert (taken.body, taken.language) == ("Long.[31m", "fr")
    assert with_page_text(article, Page("Long.", None, "fr"), language="en").language == "en"
    assert with_page_text(article, Page("Long.", None, ""), language="").language == "de"
    assert with_page_text(article, Page("", None, "fr"), language="") == article
    assert (
        len(with_page_text(article, Page("x" * 300_000, None, ""), language="").body) == MAX_BODY_CHARACTERS
    )
