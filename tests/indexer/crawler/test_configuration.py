"""Tests of gistwire_indexer.crawler.configuration."""

from datetime import timedelta
from pathlib import Path

import pytest
from gistwire_indexer.crawler.configuration import CrawlConfiguration, load_configuration
from gistwire_indexer.errors import CrawlConfigurationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WHOLE = """
settings:
  contact: https://news.example/crawler
  concurrent_hosts: 4
  delay: 5s
feeds:
  - url: https://wire.example/feed.xml
    name: Example Wire
    every: 15m
    language: en
    category: business
    full_text: true
  - url: http://other.example/atom
"""
FEEDS = "feeds: [{url: 'https://wire.example/'}]\n"
SETTINGS = "settings: {contact: crawler@news.example}\n"


@pytest.fixture
def load(tmp_path: Path) -> "Load":
    return Load(tmp_path / "feeds.yaml")


class Load:
    """Reads a text as a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, text: str) -> CrawlConfiguration:
        self._path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return load_configuration(self._path)


def test_a_whole_configuration(load: Load) -> None:
    configuration = load(WHOLE)
    first, second = configuration.feeds
    assert (first.url, first.name, first.every) == (
        "https://wire.example/feed.xml",
        "Example Wire",
        timedelta(minutes=15),
    )
    assert (first.language, first.category, first.full_text) == ("en", "business", True)
    assert (second.title, second.full_text) == ("http://other.example/atom", False)
    assert configuration.settings.delay == timedelta(seconds=5)
    assert configuration.settings.user_agent == "Gistwire/0.1 (+https://news.example/crawler)"
    assert not configuration.settings.fetch_limits.allow_private_addresses


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            SETTINGS + "feeds: [{url: 'https://a.example/', every: 15}]",
            r"number with its unit.*feeds\[0\]\.every",
        ),
        (
            SETTINGS + "feeds: [{url: 'https://a.example/', every: 5s}]",
            r"every: must be from 1m to 30d, not 5s",
        ),
        (SETTINGS + "feeds: [{url: 'ftp://a.example/'}]", r"feeds\[0\]\.url"),
        (SETTINGS + "feeds: [{url: 'https://a.example/', evry: 15m}]", r"unknown field `evry`.*feeds\[0\]"),
        (
            SETTINGS + "feeds: [{url: 'https://a.example/', language: no}]",
            r"got `bool`.*feeds\[0\]\.language",
        ),
        (SETTINGS + "feeds: [{name: A}]", r"missing required field `url`"),
        (SETTINGS + "feeds: []", r"length >= 1.*feeds"),
        (SETTINGS + "feeds: [{url: 'https://a/'}, {url: 'https://a/'}]", "https://a/ is there 2 times"),
        (FEEDS, "missing required field `settings`"),
        (FEEDS + "settings: {}", "missing required field `contact`"),
        (FEEDS + 'settings: {contact: "a@b.example\\r\\nX-Header: 1"}', r"settings\.contact"),
        (FEEDS + "settings: {contact: 'a (b) c'}", r"settings\.contact"),
        (FEEDS + "settings: {contact: a@b.example, concurrent_hosts: 0}", r"settings\.concurrent_hosts"),
        (FEEDS + "settings: {contact: a@b.example, delay: 2h}", "delay: must be from 0s to 1h, not 2h"),
        (FEEDS + "settings: {contact: a@b.example, max_page_bytes: 1}", r"settings\.max_page_bytes"),
        ("a: [", "while parsing"),
        ("a: 2026-99-99", "month must be in"),
        ("", "Expected `object`"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
    ],
)
def test_what_is_wrong_is_named(load: Load, text: str, reason: str) -> None:
    with pytest.raises(CrawlConfigurationError, match=reason) as raised:
        load(text)
    assert "feeds.yaml" in str(raised.value)


def test_a_file_that_is_not_there_or_too_long_is_an_error(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CrawlConfigurationError, match="No such file"):
        load_configuration(tmp_path / "none.yaml")
    monkeypatch.setattr("gistwire_indexer.crawler.configuration.MAX_FILE_BYTES", 100)
    with pytest.raises(CrawlConfigurationError, match="longer than"):
        load(WHOLE)


@given(st.text(max_size=60) | st.from_regex(r"(settings|feeds): [\[{\]} a:,'\"&*!|>-]{0,20}"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_breaks_it(load: Load, text: str) -> None:
    with pytest.raises(CrawlConfigurationError):
        load(text)
