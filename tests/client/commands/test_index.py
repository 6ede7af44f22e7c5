"""Tests of `gistwire index`, on the embedded index and on a real cluster."""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from gistwire_client.exit_status import ExitStatus

from tests.backends.elasticsearch import ElasticsearchServer
from tests.client.commands.conftest import Gistwire


@pytest.fixture
def config(tmp_path: Path, elasticsearch_server: ElasticsearchServer) -> Path:
    """A configuration with an index of its own in the cluster."""
    path = tmp_path / "gistwire.toml"
    path.write_text(
        f'data_dir = "{tmp_path}"\nindex = "elasticsearch"\ntenants = ["red"]\nretention_days = 36500\n'
        f'[elasticsearch]\nurls = ["{elasticsearch_server.url}"]\nprefix = "cli-{secrets.token_hex(4)}"\n'
    )
    return path


def test_status_of_an_embedded_index(gistwire: Gistwire, data_dir: Path) -> None:
    [shown] = gistwire("index", "status", "--data-dir", data_dir, "--json").events
    assert (shown["index"], shown["articles"], shown["languages"]) == ("embedded", 3, {"en": 3})
    readable = gistwire("index", "status", "--data-dir", data_dir).output
    assert "articles   3" in readable
    assert "Meridian Wire 2, Harbour Dispatch 1" in readable


def test_old_articles_are_deleted(
    gistwire: Gistwire, write_articles: Callable[..., Path], data_dir: Path
) -> None:
    old = {"id": "old", "headline": "Harbour opens", "published": "1999-01-01T00:00:00Z"}
    gistwire("ingest", write_articles(old), "--data-dir", data_dir)
    outcome = gistwire("index", "expire", "--older-than", 3650, "--data-dir", data_dir)
    assert outcome.output.startswith("1 articles published before ")
    assert gistwire("index", "status", "--data-dir", data_dir, "--json").events[0]["articles"] == 3


def test_embedded_index_is_not_rebuilt(gistwire: Gistwire, tmp_path: Path) -> None:
    outcome = gistwire("index", "rebuild", "--data-dir", tmp_path)
    assert outcome.status == ExitStatus.USAGE
    assert "only an Elasticsearch index" in outcome.errors


def test_index_in_a_cluster_is_rebuilt(gistwire: Gistwire, config: Path) -> None:
    outcome = gistwire("index", "rebuild", "--config", config, "--grace", 0)
    assert outcome.status == ExitStatus.FAILED
    assert "there is no index" in outcome.errors
    gistwire("index", "status", "--config", config)
    outcome = gistwire("index", "rebuild", "--config", config, "--grace", 0)
    assert outcome.status == ExitStatus.DONE
    assert "articles.000002 serves 0 articles instead of" in outcome.output


def test_tenants_of_a_folder_share_nothing(
    gistwire: Gistwire, write_articles: Callable[..., Path], data_dir: Path
) -> None:
    red = {"id": "red", "headline": "Harbour of the red tenant"}
    ingested = gistwire("ingest", write_articles(red), "--data-dir", data_dir, "--tenant", "red")
    assert ingested.status == ExitStatus.DONE
    found = {}
    for tenant in ([], ["--tenant", "red"], ["--tenant", "blue"]):
        outcome = gistwire(
            "search", "harbour", "--summaries", "none", "--json", "--data-dir", data_dir, *tenant
        )
        [hits] = [event["hits"] for event in outcome.events if "hits" in event]
        found[tuple(tenant[1:])] = {hit["article"]["id"] for hit in hits.get("hits", [])}
    assert found == {(): {"a1", "a2", "a3"}, ("red",): {"red"}, ("blue",): set()}


def test_unknown_tenant_name_is_a_usage_error(gistwire: Gistwire, tmp_path: Path) -> None:
    outcome = gistwire("index", "status", "--tenant", "No Name", "--data-dir", tmp_path)
    assert outcome.status == ExitStatus.USAGE
    assert "lower-case" in outcome.errors


def test_an_embedded_index_is_backed_up_and_restored(
    gistwire: Gistwire, write_articles: Callable[..., Path], data_dir: Path, tmp_path: Path
) -> None:
    red = {"id": "red", "headline": "Harbour of the red tenant"}
    gistwire("ingest", write_articles(red), "--data-dir", data_dir, "--tenant", "red")
    outcome = gistwire("index", "backup", tmp_path / "backup", "--data-dir", data_dir)
    assert outcome.status == ExitStatus.DONE
    assert "copied to" in outcome.output
    for tenant, articles in (("default", 3), ("red", 1)):
        shown = gistwire(
            "index", "status", "--tenant", tenant, "--data-dir", tmp_path / "backup", "--json"
        ).events[0]
        assert shown["articles"] == articles


def test_a_backup_does_not_go_where_something_is(gistwire: Gistwire, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    outcome = gistwire("index", "backup", tmp_path, "--data-dir", data_dir)
    assert outcome.status == ExitStatus.FAILED
    assert "holds something already" in outcome.errors
    assert (tmp_path / "kept").read_text() == "mine"


def test_a_cluster_is_not_backed_up_by_copying(gistwire: Gistwire, tmp_path: Path) -> None:
    config = tmp_path / "gistwire.toml"
    config.write_text(f'data_dir = "{tmp_path}"\nindex = "elasticsearch"\n')
    outcome = gistwire("index", "backup", tmp_path / "backup", "--config", config)
    assert outcome.status == ExitStatus.USAGE
    assert "snapshots" in outcome.errors
