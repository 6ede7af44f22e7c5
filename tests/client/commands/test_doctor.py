"""Tests of `gistwire doctor`."""

import json
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest
from gistwire_client.exit_status import ExitStatus
from gistwire_models.triton import distribution
from gistwire_models.triton.distribution import TritonInstallation
from grpc_health.v1 import health_pb2

from tests.backends.elasticsearch import ElasticsearchServer
from tests.backends.ports import free_port
from tests.backends.triton import TritonServer
from tests.client.commands.conftest import Gistwire, Outcome, in_thread
from tests.client.conftest import ScriptedServer
from tests.indexer.crawler.site import Answer, Reply, Site
from tests.models.triton.engines import DESCRIPTION
from tests.models.triton.fake_triton import MODEL, FakeTriton

WriteConfig: TypeAlias = Callable[..., Path]


@pytest.fixture
def write_config(tmp_path: Path) -> WriteConfig:
    """Writes a configuration with these lines."""

    def write(*lines: str) -> Path:
        path = tmp_path / "gistwire.toml"
        path.write_text("\n".join([f'data_dir = "{tmp_path / "data"}"', *lines]))
        return path

    return write


@pytest.fixture
async def triton() -> AsyncIterator[FakeTriton]:
    async with FakeTriton.running() as running:
        yield running


@pytest.fixture
def on_triton(write_config: WriteConfig, tmp_path: Path) -> Callable[..., Path]:
    """Writes a configuration with the models on servers that embed as `FakeTriton` does."""
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    (encoder / "gistwire.json").write_bytes(msgspec.json.encode(DESCRIPTION))

    def write(*targets: str, summarizer: str = "generating", prompted: str = "") -> Path:
        return write_config(
            'models = "triton"',
            f'summarizer = "{summarizer}"',
            f'encoder_dir = "{encoder}"',
            "[triton]",
            f"endpoints = {json.dumps(targets)}",
            *([f'prompted.model = "{prompted}"'] if prompted else []),
        )

    return write


def elasticsearch(status: str) -> dict[str, Reply]:
    """What a cluster answers that is in such a state."""

    def answer(content: object) -> Answer:
        headers = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}
        return Answer(json.dumps(content).encode(), headers=headers)

    return {
        "127.0.0.1/_nodes?filter_path=nodes.*.version": answer(
            {"nodes": {str(number): {"version": f"9.2.{number // 2}"} for number in range(3)}}
        ),
        "127.0.0.1/_cluster/health": answer({"status": status, "number_of_nodes": 3}),
    }


def checks(outcome: Outcome) -> dict[str, tuple[str, str]]:
    """State and detail of each part."""
    return {check["part"]: (check["state"], check["detail"]) for check in outcome.events}


def test_a_working_installation_is_told_part_by_part(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("doctor", "--data-dir", data_dir, "--json")
    assert outcome.status == ExitStatus.DONE
    found = checks(outcome)
    assert found["grpcio"][0] == "ok"
    assert found["encoder weights"][0] == "ok"
    assert found["server in this process"] == ("ok", "serving")
    state, detail = found["data folder"]
    assert state == "ok"
    assert "3 articles" in detail
    assert found["elasticsearch"] == ("absent", "none named; --config says which")
    state, detail = found["triton"]
    assert state == "absent"
    assert detail.startswith("none named; --config says which; `gistwire models serve` ")


def test_a_data_folder_that_is_not_there_is_neither_needed_nor_made(
    gistwire: Gistwire, tmp_path: Path
) -> None:
    outcome = gistwire("doctor", "--data-dir", tmp_path / "none", "--json")
    assert outcome.status == ExitStatus.DONE
    assert checks(outcome)["data folder"][0] == "absent"
    assert not (tmp_path / "none").exists()


def test_an_index_that_cannot_be_read_has_failed(gistwire: Gistwire, data_dir: Path) -> None:
    for path in data_dir.iterdir():
        if path.is_file():
            path.write_bytes(b"not a database" * 100)
    outcome = gistwire("doctor", "--data-dir", data_dir, "--json")
    assert outcome.status == ExitStatus.FAILED
    assert checks(outcome)["data folder"][0] == "failed"


def test_a_missing_package_has_failed(
    gistwire: Gistwire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gistwire_client.commands.doctor._PACKAGES", ("gistwire", "no-such-package"))
    outcome = gistwire("doctor", "--data-dir", tmp_path, "--json")
    assert outcome.status == ExitStatus.FAILED
    assert checks(outcome)["no-such-package"] == ("failed", "not installed")


def test_the_table_has_a_line_for_each_part_and_cuts_nothing(gistwire: Gistwire, tmp_path: Path) -> None:
    folder = tmp_path / ("long-name-" * 8)
    table = gistwire("doctor", "--data-dir", folder)
    parts = checks(gistwire("doctor", "--data-dir", folder, "--json"))
    assert table.status == ExitStatus.DONE
    assert len(table.output.splitlines()) == len(parts)
    for line, (part, (state, detail)) in zip(table.output.splitlines(), parts.items(), strict=True):
        assert line.split(maxsplit=1)[0] == state
        assert part in line
        assert detail in line


async def test_a_server_elsewhere_is_asked_how_it_is(server: ScriptedServer, gistwire: Gistwire) -> None:
    part = f"server at {server.target}"
    outcome = await in_thread(gistwire, "doctor", "--target", server.target, "--json")
    assert checks(outcome)[part] == ("ok", "serving")
    assert checks(outcome)["services"] == ("absent", "the server tells of none of them")
    # It streams nothing, which is no answer.
    assert checks(outcome)["search"][0] == "failed"
    assert outcome.status == ExitStatus.FAILED
    assert "data folder" not in checks(outcome)

    await server.health_service.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    outcome = await in_thread(gistwire, "doctor", "--target", server.target, "--json")
    assert outcome.status == ExitStatus.FAILED
    assert checks(outcome)[part] == ("failed", "not serving")


def test_a_server_that_does_not_answer_has_failed(gistwire: Gistwire, tmp_path: Path) -> None:
    target = f"unix:{tmp_path / 'none'}"
    outcome = gistwire("doctor", "--target", target, "--json")
    assert outcome.status == ExitStatus.FAILED
    assert checks(outcome)[f"server at {target}"][0] == "failed"


def test_what_a_configuration_does_not_use_is_not_asked(
    gistwire: Gistwire, write_config: WriteConfig
) -> None:
    outcome = gistwire("doctor", "--config", write_config(), "--json")
    assert outcome.status == ExitStatus.DONE
    found = checks(outcome)
    assert found["elasticsearch"] == ("absent", 'not used (index = "embedded")')
    assert found["triton"][0] == "absent"
    assert found["triton"][1].startswith('not used (models = "local"); ')
    assert str(write_config().parent / "data") in found["data folder"][1]


def test_a_triton_that_is_installed_is_named_and_one_that_is_not_is_not_fetched(
    gistwire: Gistwire, write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def told() -> tuple[str, str]:
        return checks(gistwire("doctor", "--config", write_config(), "--json"))["triton"]

    monkeypatch.delenv("GISTWIRE_TRITON_HOME", raising=False)
    monkeypatch.setattr(distribution, "find_cached", lambda name: None)
    assert told() == (
        "absent",
        'not used (models = "local"); `gistwire models serve` fetches one at its first use',
    )
    monkeypatch.setattr(distribution, "find_cached", lambda name: tmp_path)
    found = distribution.find_triton()
    assert isinstance(found, TritonInstallation)
    assert told()[1].endswith(f"`gistwire models serve` runs {found.server}")
    monkeypatch.setenv("GISTWIRE_TRITON_HOME", str(tmp_path / "none"))
    assert told()[0] == "absent"
    assert "where no Triton server is" in told()[1]


async def test_triton_does_what_searches_will_ask_of_it(
    triton: FakeTriton, gistwire: Gistwire, on_triton: Callable[..., Path]
) -> None:
    part = f"triton at {triton.target}"
    config = on_triton(triton.target)
    # No line is a log's, also where no server runs in this process.
    outcome = await in_thread(gistwire, "doctor", "--target", triton.target, "--config", config, "--json")
    assert checks(outcome)[part][0] == "ok"
    outcome = await in_thread(gistwire, "doctor", "--config", config, "--json")
    assert outcome.status == ExitStatus.DONE
    name = "@".join(MODEL)
    assert checks(outcome)[part] == (
        "ok",
        f"encoder {name} is ready; summarizer {name} is ready (en, de)",
    )
    assert triton.descriptions == 2

    only_extracts = on_triton(triton.target, summarizer="extracting")
    outcome = await in_thread(gistwire, "doctor", "--config", only_extracts, "--json")
    assert checks(outcome)[part] == ("ok", f"encoder {name} is ready")

    prompted = on_triton(triton.target, prompted="llm")
    outcome = await in_thread(gistwire, "doctor", "--config", prompted, "--json")
    assert checks(outcome)[part] == ("ok", f"encoder {name} is ready; llm is ready")
    triton.ready = False
    outcome = await in_thread(gistwire, "doctor", "--config", prompted, "--json")
    assert checks(outcome)[part] == ("failed", "llm is not ready")


async def test_each_triton_that_searches_cannot_use_has_failed(
    triton: FakeTriton, gistwire: Gistwire, on_triton: Callable[..., Path]
) -> None:
    triton.model = (MODEL[0], "2")
    nowhere = f"127.0.0.1:{free_port()}"
    outcome = await in_thread(gistwire, "doctor", "--config", on_triton(triton.target, nowhere), "--json")
    assert outcome.status == ExitStatus.FAILED
    found = checks(outcome)
    assert found[f"triton at {triton.target}"] == (
        "failed",
        f"Triton at {triton.target} hosts the encoder fake-encoder@2, not fake-encoder@1",
    )
    state, detail = found[f"triton at {nowhere}"]
    assert state == "failed"
    # Once, although nobody answered for either model.
    assert detail.count(f"Triton at {nowhere} failed: UNAVAILABLE") == 1


@pytest.mark.parametrize(("status", "state"), [("green", "ok"), ("yellow", "ok"), ("red", "failed")])
async def test_elasticsearch_says_how_it_is(
    gistwire: Gistwire, write_config: WriteConfig, status: str, state: str
) -> None:
    async with Site(elasticsearch(status)).serving() as site:
        place = f"127.0.0.1:{site.port}"
        config = write_config(
            'index = "elasticsearch"', "[elasticsearch]", f'urls = ["http://somebody:secret@{place}"]'
        )
        outcome = await in_thread(gistwire, "doctor", "--config", config, "--json")
    assert checks(outcome)["elasticsearch"] == (
        state,
        f"{place}: version 9.2.0, 9.2.1, health {status}, 3 nodes",
    )
    assert outcome.status == (ExitStatus.FAILED if state == "failed" else ExitStatus.DONE)
    assert "data folder" not in checks(outcome)


def test_elasticsearch_that_does_not_answer_has_failed(gistwire: Gistwire, write_config: WriteConfig) -> None:
    place = f"127.0.0.1:{free_port()}"
    lines = ['index = "elasticsearch"', "[elasticsearch]", f'urls = ["http://{place}"]']
    outcome = gistwire("doctor", "--config", write_config(*lines), "--json")
    assert outcome.status == ExitStatus.FAILED
    assert checks(outcome)["elasticsearch"] == ("failed", f"{place}: Elasticsearch cannot be reached")
    unreadable = write_config(*lines, 'api_key_file = "/none"')
    outcome = gistwire("doctor", "--config", unreadable, "--json")
    assert "api_key_file: /none cannot be read" in checks(outcome)["elasticsearch"][1]


def test_a_configuration_that_makes_no_sense_is_a_usage_error(
    gistwire: Gistwire, write_config: WriteConfig
) -> None:
    outcome = gistwire("doctor", "--config", write_config('index = "nowhere"'))
    assert outcome.status == ExitStatus.USAGE
    assert "nowhere" in outcome.errors


def test_real_servers_are_found(
    gistwire: Gistwire,
    write_config: WriteConfig,
    triton_server: TritonServer,
    elasticsearch_server: ElasticsearchServer,
) -> None:
    config = write_config(
        'index = "elasticsearch"',
        'models = "triton"',
        "[elasticsearch]",
        f'urls = ["{elasticsearch_server.url}"]',
        f'prefix = "doctor-{secrets.token_hex(4)}"',
        "[triton]",
        f'endpoints = ["{triton_server.target}"]',
    )
    outcome = gistwire("doctor", "--config", config, "--json")
    found = checks(outcome)
    assert f"version {elasticsearch_server.version}, health " in found["elasticsearch"][1]
    state, detail = found[f"triton at {triton_server.target}"]
    assert state == "ok"
    assert "encoder gistwire-" in detail
    assert "(en)" in detail
    assert outcome.status == ExitStatus.DONE
