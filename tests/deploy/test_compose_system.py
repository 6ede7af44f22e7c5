"""Tests of the whole system as containers: a search through the one published port, and what nobody else reaches."""

import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gistwire_indexer
import pytest
from gistwire_client.exit_status import ExitStatus

from tests.deploy.compose_system import SERVICES, ComposeSystem, compose_system

QUERY = "harbour workers protest robots taking their jobs"
CORPUS = Path(gistwire_indexer.__path__[0]) / "sample_corpus"


@pytest.fixture(scope="module")
def system() -> Iterator[ComposeSystem]:
    with compose_system() as running:
        files = sorted(str(path) for path in CORPUS.glob("*.jsonl") if not path.name.startswith("judged-"))
        ingested = running.gistwire("ingest", *files, key="ingest")
        assert ingested.returncode == 0, ingested.stderr
        yield running


def events_of(searched: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in searched.splitlines()]


def test_a_search_has_hits_and_summaries_that_triton_wrote(system: ComposeSystem) -> None:
    searched = system.gistwire("search", QUERY, "--limit", "5", "--deadline", "60", "--json")
    assert searched.returncode == 0, searched.stderr
    events = events_of(searched.stdout)
    [hits] = [event["hits"]["hits"] for event in events if "hits" in event]
    assert len(hits) == 5
    assert "harbour" in json.dumps(hits[0]["article"]).lower()
    origins = [event["summary"]["origin"] for event in events if "summary" in event]
    assert len(origins) == 5
    assert "GENERATED" in origins
    assert not [event for event in events if "degraded" in event]
    assert "completed" in events[-1]


def test_nobody_does_what_no_key_of_theirs_is_for(system: ComposeSystem, tmp_path: Path) -> None:
    article = tmp_path / "article.jsonl"
    article.write_text('{"headline": "Nothing of note"}\n', encoding="utf-8")
    assert system.gistwire("search", QUERY, key=None).returncode == ExitStatus.REFUSED
    assert system.gistwire("ingest", str(article), key="search").returncode == ExitStatus.REFUSED


def test_the_server_alone_is_published_and_on_this_machine_alone(system: ComposeSystem) -> None:
    published = {name: system.inspected(name)["HostConfig"]["PortBindings"] or {} for name in SERVICES}
    port = system.target.rpartition(":")[2]
    assert published.pop("server") == {"50051/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]}
    assert not any(published.values())


def test_backends_are_in_a_network_without_a_way_out(system: ComposeSystem) -> None:
    networks = {name: set(system.inspected(name)["NetworkSettings"]["Networks"]) for name in SERVICES}
    [private] = networks["elasticsearch"]
    assert networks["triton"] == networks["prometheus"] == {private}
    described = system.engine("network", "inspect", private)
    assert described["Internal"] is True


def test_containers_are_confined(system: ComposeSystem) -> None:
    for name in SERVICES:
        found = system.inspected(name)
        host = found["HostConfig"]
        assert found["Config"]["User"] not in ("", "0", "root"), name
        assert host["CapDrop"] == ["ALL"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"] > 0, name
        # Elasticsearch writes its keystore and logs into its own folders.
        assert host["ReadonlyRootfs"] or name == "elasticsearch"


def test_prometheus_reads_the_metrics_of_server_and_triton(system: ComposeSystem) -> None:
    def asked(query: str) -> list[dict[str, Any]]:
        url = f"http://prometheus:9090/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        found: list[dict[str, Any]] = json.loads(system.asked_from_inside(url))["data"]["result"]
        return found

    system.wait_until(lambda: len(asked("up == 1")) == 2, "both are read")
    searches = 'gistwire_rpcs_total{rpc="StreamSearch",code="OK"} > 0'
    system.wait_until(lambda: len(asked(searches)) > 0, "the search was counted")


def test_the_servers_image_has_no_compiler_no_pip_and_no_torch(system: ComposeSystem) -> None:
    program = (
        "import importlib.util as u, shutil; "
        "print([n for n in ('torch', 'transformers', 'pip', 'ctranslate2') if u.find_spec(n)]"
        " + [n for n in ('gcc', 'cc', 'ld', 'make', 'pip') if shutil.which(n)])"
    )
    assert system.compose("exec", "-T", "server", "python3", "-c", program).strip() == "[]"


def test_a_server_that_is_told_to_end_ends_by_itself_and_comes_back(system: ComposeSystem) -> None:
    system.compose("stop", "server")
    assert system.inspected("server")["State"]["ExitCode"] == 0
    system.compose("start", "server")
    system.wait_until_healthy()
    searched = system.gistwire("search", QUERY, "--limit", "3", "--json")
    assert searched.returncode == 0, searched.stderr
