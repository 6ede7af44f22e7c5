"""Fuzzing of what a crawler fetches: pages and addresses are read or left, and nothing is raised."""

from urllib.parse import urlsplit

from gistwire_indexer.crawler.canonical_url import canonical_url
from gistwire_indexer.crawler.page import read_page
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import fuzz, mutated

_URL = "https://news.example/storm"
_PAGES = [
    b"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Storm closes harbour</title>
    <link rel="canonical" href="https://news.example/storm"><meta name="robots" content="index"></head><body><article>
    <h1>Storm closes harbour</h1><p>Ferries stayed in port on Monday, as waves of five metres broke over the quay, and
    the harbour master closed the gates until Tuesday noon.</p><p>Nobody was hurt, the mayor said.</p></article>
    <script>var a = "</p>";</script></body></html>""",
    b"<html><body><table><tr><td>Storm</table><!-- <p> --><p>closes</body>",
]
_URLS = [
    b"https://user:pass@news.example:443/a/../b?utm_source=x&id=1#top",
    b"http://xn--mnchen-3ya.example/%7Efoo?q=%00",
    b"//[::1]:99999/",
]


@fuzz
@given(mutated(_PAGES))
def test_a_page_is_read_or_left(html: bytes) -> None:
    page = read_page(html, url=_URL)
    if page is not None:
        assert isinstance(page.text, str)
        # What is stored and sent must be writable.
        page.text.encode()


@fuzz
@given(mutated(_URLS).map(lambda data: data.decode(errors="replace")) | st.text(max_size=80))
def test_an_address_has_a_canonical_form_or_none(url: str) -> None:
    canonical = canonical_url(url)
    if canonical is not None:
        assert urlsplit(canonical).hostname
        assert canonical_url(canonical) == canonical
