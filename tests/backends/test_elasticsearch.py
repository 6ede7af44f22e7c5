"""Tests of the Elasticsearch servers that tests run on."""

import json
import secrets
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends.elasticsearch import ElasticsearchServer, new_elasticsearch


@pytest.fixture
def disk() -> Iterator[Path]:
    """A folder that another user than root reaches, as those of `tmp_path` cannot be."""
    with tempfile.TemporaryDirectory(prefix="gistwire-disk-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def answer(url: str, *, method: str = "GET", body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def test_a_document_is_found_on_the_shared_server(elasticsearch_server: ElasticsearchServer) -> None:
    index = f"{elasticsearch_server.url}/test-{secrets.token_hex(4)}"
    answer(f"{index}/_doc/1?refresh=true", method="PUT", body={"word": "harbour"})
    found = answer(f"{index}/_search", method="POST", body={"query": {"match": {"word": "harbour"}}})
    answer(index, method="DELETE")
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["1"]
    assert tuple(map(int, elasticsearch_server.version.split(".")))[:2] >= (9, 2)


def test_killed_server_comes_back_where_it_was_with_its_data() -> None:
    server = new_elasticsearch()
    try:
        server.start()
        url = server.url
        answer(f"{url}/kept/_doc/1?refresh=true", method="PUT", body={"word": "harbour"})
        server.kill()
        with pytest.raises(OSError):  # noqa: PT011  # refused, reset or closed: none answers
            answer(f"{url}/_cluster/health")
        server.start()
        assert server.url == url
        assert answer(f"{url}/kept/_doc/1")["_source"] == {"word": "harbour"}
    finally:
        server.close()


def test_data_of_ones_own_place_stay_when_the_server_goes(disk: Path) -> None:
    server = new_elasticsearch(data=disk, settings={"cluster.name": "own"})
    try:
        assert server.kind == "process"
        server.start()
        assert answer(f"{server.url}/_cluster/health")["cluster_name"] == "own"
    finally:
        server.close()
    assert any(disk.iterdir())


def test_unknown_wish_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GISTWIRE_TEST_BACKENDS", "cloud")
    with pytest.raises(ValueError, match="GISTWIRE_TEST_BACKENDS"):
        new_elasticsearch()
