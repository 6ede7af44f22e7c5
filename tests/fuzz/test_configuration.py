"""Fuzzing of configuration files: the server's TOML and the crawler's YAML are read, or refused."""

from contextlib import suppress
from pathlib import Path

from gistwire_indexer.crawler.configuration import load_configuration
from gistwire_indexer.errors import CrawlConfigurationError
from gistwire_server.config import load_config
from gistwire_server.errors import ConfigurationError
from hypothesis import given

from tests.fuzz.mutations import fuzz, mutated

_TOML = [
    b"""data_dir = "news"
listen = "127.0.0.1:50051"
index = "elasticsearch"
tenants = ["acme", "zeta"]
retention_days = 30
[elasticsearch]
urls = ["http://127.0.0.1:9200"]
prefix = "gistwire"
[limits]
concurrent_searches = 64
default_deadline_s = 10.0
[rank.source_trust]
Wire = 0.9
""",
    b'data_dir = "news"\nlisten = "[::1]:0"\n[triton.prompted]\nmodel = "llm"\ntemperature = 0.5\n',
]
_YAML = [
    b"""settings:
  contact: crawler@news.example
  delay: 5s
feeds:
  - url: https://news.example/rss
    language: en
    name: Wire
    every: 10m
""",
    b"feeds: [{url: 'https://news.example/atom', full_text: true}]\n",
]


def test_a_server_configuration_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "gistwire.toml"

    @fuzz
    @given(mutated(_TOML))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(ConfigurationError):
            load_config(path)

    check()


def test_a_crawler_configuration_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "crawl.yaml"

    @fuzz
    @given(mutated(_YAML))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(CrawlConfigurationError):
            load_configuration(path)

    check()
