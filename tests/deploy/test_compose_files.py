"""Tests of the files of deploy/compose against each other and against the code; test_compose_system.py runs them."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gistwire_server.config import ServerConfig, load_config

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
DEPLOYMENT = ROOT / "docs" / "deployment.md"

_SECONDS = re.compile(r"(\d+)s")


def read(path: Path) -> dict[str, Any]:
    return msgspec.yaml.decode(path.read_bytes(), type=dict[str, Any])


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(read(COMPOSE / "compose.yml")["services"])


@pytest.fixture(scope="module")
def config() -> ServerConfig:
    return load_config(COMPOSE / "gistwire.toml")


def port_of(address: str | None) -> str:
    assert address is not None
    return address.rpartition(":")[2]


def test_nothing_is_published_but_on_this_machine(services: dict[str, Any], config: ServerConfig) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published.keys() == {"server", "grafana"}
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)
    assert published["server"][0].endswith(f":{port_of(config.listen)}")
    assert services["grafana"]["profiles"] == ["observability"]


def test_backends_are_in_the_private_network_alone(services: dict[str, Any]) -> None:
    assert read(COMPOSE / "compose.yml")["networks"]["private"] == {"internal": True}
    for name in ("elasticsearch", "triton", "prometheus"):
        assert services[name]["networks"] == ["private"]


def test_the_configuration_names_the_services(services: dict[str, Any], config: ServerConfig) -> None:
    for address in (*config.elasticsearch.urls, *config.triton.endpoints):
        assert re.sub(r"^http://|:\d+$", "", address) in services
    scraped = [
        target
        for job in read(COMPOSE / "prometheus.yml")["scrape_configs"]
        for each in job["static_configs"]
        for target in each["targets"]
    ]
    assert f"server:{port_of(config.telemetry.metrics_listen)}" in scraped
    assert {target.partition(":")[0] for target in scraped} <= services.keys()


def test_the_health_check_asks_where_the_server_answers(
    services: dict[str, Any], config: ServerConfig
) -> None:
    assert services["server"]["environment"]["GISTWIRE_HEALTH_TARGET"] == config.security.health_listen


def test_a_server_that_is_stopped_has_the_time_to_drain(
    services: dict[str, Any], config: ServerConfig
) -> None:
    grace = _SECONDS.fullmatch(services["server"]["stop_grace_period"])
    assert grace is not None
    assert int(grace[1]) >= config.limits.drain_s + 10


def test_what_the_configuration_reads_is_mounted(services: dict[str, Any], config: ServerConfig) -> None:
    mounts = dict(volume.split(":")[:2] for volume in services["server"]["volumes"])
    folders = {inside: outside for outside, inside in mounts.items()}
    tls = config.security.tls
    assert tls is not None
    for path in (tls.certificate_file, tls.key_file, config.security.api_keys_file):
        assert path is not None
        assert folders[str(path.parent)] == "./secrets/server"
    assert folders[str(config.data_dir)] == "server-data"
    password = config.elasticsearch.password_file
    assert password is not None
    assert password.parent == Path("/run/secrets")
    assert services["server"]["secrets"] == services["elasticsearch"]["secrets"] == [password.name]
    assert read(COMPOSE / "compose.yml")["secrets"].keys() >= {password.name}


def test_mounted_files_are_there(services: dict[str, Any]) -> None:
    for service in services.values():
        for volume in service.get("volumes", ()):
            outside = volume.partition(":")[0]
            if outside.startswith(".") and not outside.startswith("./secrets"):
                assert (COMPOSE / outside).exists(), outside
    [alerts] = read(COMPOSE / "prometheus.yml")["rule_files"]
    inside = {volume.split(":")[1]: volume.split(":")[0] for volume in services["prometheus"]["volumes"]}
    assert (COMPOSE / inside[str(Path(alerts).parent)] / Path(alerts).name).is_file()


def test_every_container_is_confined_and_limited(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "mem_limit" in service, name
        # None is whatever came last.
        assert re.search(r":[^:}]*\d[^:}]*\}$", service["image"]), name


def test_the_documentation_names_the_variables_and_scripts_that_there_are() -> None:
    text = DEPLOYMENT.read_text(encoding="utf-8")
    files = "".join(path.read_text(encoding="utf-8") for path in sorted(COMPOSE.glob("*.*")))
    named = set(re.findall(r"GISTWIRE_[A-Z_]+[A-Z]", text)) - {"GISTWIRE_TEST_BACKENDS"}
    assert named <= set(re.findall(r"GISTWIRE_[A-Z_]+[A-Z]", files))
    for path in re.findall(r"deploy/[A-Za-z0-9_./-]+[a-z]", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("script", ["prepare.sh", "elasticsearch.sh"])
def test_scripts_can_be_read_by_bash(script: str) -> None:
    assert os.access(COMPOSE / script, os.X_OK)
    subprocess.run(["bash", "-n", COMPOSE / script], check=True)
