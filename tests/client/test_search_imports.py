"""Tests of what `gistwire search` imports when it runs a server of its own: a user waits for each import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

NEEDLESS = {
    "aiohttp",
    "cryptography",
    "elasticsearch",
    "feedparser",
    "grpc_reflection.v1alpha.reflection",
    "lark",
    "numpy.f2py",
    "opentelemetry.sdk",
    "phonenumbers",
    "prometheus_client",
    "py3langid",
    "pygments",
    "rich",
    "scipy",
    "sklearn",
    "torch",
    "trafilatura",
    "transformers",
}
"""What is for other backends, crawling, training or terminals, or is not asked for by this search, and takes long
to import."""

NEEDLESS_OF_OURS = {
    "gistwire_indexer.filter_expression",
    "gistwire_indexer.ingestion",
    "gistwire_server.digests.stream",
    "gistwire_server.personal.recommending",
    "gistwire_server.services.articles",
    "gistwire_server.services.recommendation",
    "gistwire_server.services.summaries",
    "gistwire_server.services.topics",
    "gistwire_server.watch",
}
"""Parts of the server that other calls are for."""

_SEARCH = """
import json, sys
from gistwire_client.main import run
status = run({arguments})
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""


def modules_of(arguments: list[str]) -> set[str]:
    """The modules that a process holds after a command of ours."""
    program = _SEARCH.format(arguments=arguments)
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    status, modules = json.loads(process.stderr.splitlines()[-1])
    assert status == 0, process.stderr
    return set(modules)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The folder of an index that holds an article."""
    articles = tmp_path / "articles.jsonl"
    article = {
        "headline": "Rates rise",
        "body": "The central bank raised interest rates on Monday, as prices went on rising. Markets fell.",
        "language": "en",
    }
    articles.write_text(json.dumps(article), encoding="utf-8")
    folder = tmp_path / "data"
    modules_of(["ingest", "--data-dir", str(folder), str(articles)])
    return folder


@pytest.mark.parametrize("mode", ["none", "best"])
def test_a_search_imports_nothing_of_other_backends_crawling_or_training(data_dir: Path, mode: str) -> None:
    modules = modules_of(["search", "rates", "--data-dir", str(data_dir), "--summaries", mode, "--json"])
    assert "gistwire_server.app" in modules
    assert not (NEEDLESS | NEEDLESS_OF_OURS) & modules


def test_a_search_without_summaries_opens_no_summarizer(data_dir: Path) -> None:
    with_summaries = modules_of(["search", "rates", "--data-dir", str(data_dir), "--json"])
    without = modules_of(["search", "rates", "--data-dir", str(data_dir), "--json", "--summaries", "none"])
    assert "gistwire_models.local_summarizer" in with_summaries - without
