"""Tests of `gistwire demo`."""

from pathlib import Path

import gistwire_indexer
import pytest
from gistwire.v1 import search_pb2
from gistwire_client.commands.demo import DEMO_QUERIES
from gistwire_client.exit_status import ExitStatus
from google.protobuf.json_format import Parse

from tests.client.commands.conftest import Gistwire

CORPUS = (
    '{"headline": "Harbour workers protest robots", "body": "They fear for their jobs."}\n'
    '{"headline": "Birds recognise faces", "body": "Crows remember people for years."}\n'
)


@pytest.fixture
def small_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample corpus of two articles in place of the one that is shipped; that takes seconds to index."""
    package = tmp_path / "package"
    (package / "sample_corpus").mkdir(parents=True)
    (package / "sample_corpus" / "news.jsonl").write_text(CORPUS)
    (package / "sample_corpus" / "judged-queries.jsonl").write_text('{"query": "no article"}\n')
    # Modules are found in the second folder.
    monkeypatch.setattr("gistwire_indexer.__path__", [str(package), *gistwire_indexer.__path__])


@pytest.mark.usefixtures("small_corpus")
def test_the_searches_are_shown_with_how_to_go_on(gistwire: Gistwire) -> None:
    outcome = gistwire("demo")
    assert outcome.status == ExitStatus.DONE
    assert "2 created, 0 updated, 0 unchanged, 0 near-duplicates, 0 rejected" in outcome.output
    assert len(DEMO_QUERIES) == 3
    for query in DEMO_QUERIES:
        assert f'$ gistwire search "{query}" --target 127.0.0.1:' in outcome.output
    assert "1. Harbour workers protest robots" in outcome.output
    assert outcome.output.rstrip().splitlines()[-1].startswith("  gistwire serve")


@pytest.mark.usefixtures("small_corpus")
def test_with_json_standard_output_is_for_events_alone(gistwire: Gistwire, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    outcome = gistwire("demo", "--json", "--query", "robots", "--query", "birds", "--data-dir", data_dir)
    assert outcome.status == ExitStatus.DONE
    events = [Parse(line, search_pb2.StreamSearchResponse()) for line in outcome.output.splitlines()]
    assert [event.started.plan.query for event in events if event.HasField("started")] == ["robots", "birds"]
    assert sum(event.HasField("completed") for event in events) == 2
    assert "gistwire serve" in outcome.errors
    # The folder that was named keeps the index.
    assert "Birds recognise faces" in gistwire("search", "birds", "--data-dir", data_dir).output
