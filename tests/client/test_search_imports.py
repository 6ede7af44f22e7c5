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
    "numpy.f2py",
    "opentelemetry.sdk",
    "py3langid",
    "scipy",
    "sklearn",
    "torch",
    "trafilatura",
    "transformers",
}
"""What is for other backends, for crawling and for training, and takes long to import."""

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
        "body": "The central bank raised interest rates on Monday. Markets fell.",
    }
    articles.write_text(json.dumps(article), encoding="utf-8")
    folder = tmp_path / "data"
    modules_of(["ingest", "--data-dir", str(folder), str(articles)])
    return folder


@pytest.mark.parametrize("mode", ["none", "best"])
def test_a_search_imports_nothing_of_other_backends_crawling_or_training(data_dir: Path, mode: str) -> None:
    modules = modules_of(["search", "rates", "--data-dir", str(data_dir), "--summaries", mode, "--json"])
    assert "gistwire_server.app" in modules
    assert not NEEDLESS & modules
