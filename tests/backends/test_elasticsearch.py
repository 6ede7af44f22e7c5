"""Tests of the Elasticsearch servers that tests run on."""

import json
import urllib.request

import pytest

from tests.backends.elasticsearch import new_elasticsearch


def answer(url: str, *, method: str = "GET", body: object = None) -> dict[str, object]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        decoded: dict[str, object] = json.load(response)
        return decoded


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


def test_unknown_wish_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GISTWIRE_TEST_BACKENDS", "cloud")
    with pytest.raises(ValueError, match="GISTWIRE_TEST_BACKENDS"):
        new_elasticsearch()
