"""Tests of gistwire_indexer.crawler.canonical_url."""

import pytest
from gistwire_indexer.crawler.canonical_url import canonical_url, host_of
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://News.Example:443", "https://news.example/"),
        ("http://news.example:80/A/b?x=1#part", "http://news.example/A/b?x=1"),
        ("http://news.example:8080/a", "http://news.example:8080/a"),
        ("https://news.example:80/a", "https://news.example:80/a"),
        ("https://user:secret@news.example/a", "https://news.example/a"),
        ("https://news.example./a", "https://news.example/a"),
        ("https://[2001:DB8::1]:443/a", "https://[2001:db8::1]/a"),
        (" https://news.example/a\n", "https://news.example/a"),
        ("https://news.example/a?utm_source=rss&id=7&UTM_Medium=x&fbclid=1", "https://news.example/a?id=7"),
        ("https://news.example/a?%75tm_source=rss", "https://news.example/a"),
        ("https://news.example/a?b=2&a=1&empty=", "https://news.example/a?b=2&a=1&empty="),
        (
            "https://news.example/a?at_campaign=x&attribute=1&utm=2",
            "https://news.example/a?attribute=1&utm=2",
        ),
    ],
)
def test_addresses_are_spelled_alike(url: str, expected: str) -> None:
    assert canonical_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "/a",
            "news.example/a",
            "ftp://news.example/a",
            "javascript:alert(1)",
            "https://",
            "https:///a",
        ),
        *("http://[::1", "http://news.example:99999/", "http://news.example:x/", "http://.:80/"),
    ],
)
def test_what_is_no_address_has_no_spelling(url: str) -> None:
    assert canonical_url(url) is None


_HOSTS = st.from_regex(r"[a-zA-Z0-9.-]{1,20}(:[0-9]{1,5})?", fullmatch=True) | st.text(max_size=20)
_URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "HTTPS"]),
    _HOSTS,
    st.text(max_size=20),
    st.text(max_size=30),
)


@given(_URLS | st.text())
@example("http://a..:80/")
@example("http://a?&&utm_a=1&")
@example("http://a//b//../?#")
def test_spelling_twice_changes_nothing(url: str) -> None:
    once = canonical_url(url)
    assert once is None or canonical_url(once) == once


@given(
    st.lists(st.sampled_from(["id=7", "page=2", "q=a%20b", "utm_source=x", "gclid=1", "utm_x"]), max_size=6),
    st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=8),
)
def test_what_tracks_readers_makes_no_difference(parameters: list[str], fragment: str) -> None:
    kept = [each for each in parameters if not each.startswith(("utm_", "gclid"))]
    tracked = f"https://news.example/a?{'&'.join(parameters)}#{fragment}"
    assert canonical_url(tracked) == canonical_url(f"https://news.example/a?{'&'.join(kept)}")


def test_hosts_are_compared_without_www() -> None:
    assert host_of("https://WWW.News.example:443/a") == host_of("https://news.example/b") == "news.example"
    assert host_of("https://news.example:8443/") == "news.example:8443"
    assert host_of("http://[") == ""
