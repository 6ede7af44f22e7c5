"""Tests of the options and variables by which commands reach a secured server elsewhere."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from gistwire_client.connection import keep_log_off_standard_output
from gistwire_client.exit_status import ExitStatus
from gistwire_server.app import running_server
from gistwire_server.config import load_config
from gistwire_server.security.api_key_file import add_api_key
from gistwire_server.security.api_keys import new_api_key
from gistwire_server.security.callers import Role

from tests.certificates import Authority
from tests.client.commands.conftest import Gistwire


class Secured(NamedTuple):
    """A server with mutual TLS and API keys."""

    target: str
    ca_file: Path
    certificate_file: Path
    key_file: Path
    api_key_file: Path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority()
    ca_file = authority.write(folder)
    certificate_file, key_file = authority.server().write(folder, "server")
    key = new_api_key("site", [Role.SEARCH], ["default"])
    add_api_key(folder / "keys.json", key.kept)
    api_key_file = folder / "site.key"
    api_key_file.write_text(f"{key.secret}\n")
    config = load_config(
        data_dir=folder / "data",
        listen="127.0.0.1:0",
        summarizer="extracting",
        security={
            "tls": {
                "certificate_file": str(certificate_file),
                "key_file": str(key_file),
                "client_ca_file": str(ca_file),
            },
            "api_keys_file": str(folder / "keys.json"),
        },
    )
    started, stop = threading.Event(), threading.Event()
    targets: list[str] = []

    async def serve() -> None:
        async with running_server(config) as running:
            targets.append(running.target)
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(60)
    own_certificate, own_key = authority.client().write(folder, "client")
    try:
        yield Secured(targets[0], ca_file, own_certificate, own_key, api_key_file)
    finally:
        stop.set()
        thread.join()


@pytest.fixture(autouse=True)
def log_of_the_server_elsewhere() -> None:
    """Keeps it out of what the command writes: here both run in one process."""
    keep_log_off_standard_output()


def test_options_reach_a_secured_server(gistwire: Gistwire, secured: Secured) -> None:
    connection = [
        *("--target", secured.target),
        *("--ca-file", secured.ca_file),
        *("--client-certificate", secured.certificate_file),
        *("--client-key", secured.key_file),
        *("--api-key-file", secured.api_key_file),
    ]
    outcome = gistwire("search", "anything", "--json", *connection)
    assert outcome.status == ExitStatus.DONE, outcome.errors
    assert "completed" in outcome.events[-1]
    told = gistwire("doctor", *connection, "--json").events
    (server,) = [each for each in told if each["part"] == f"server at {secured.target}"]
    assert server["state"] == "ok"


def test_the_environment_reaches_it_too(
    gistwire: Gistwire, secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "GISTWIRE_TARGET": secured.target,
        "GISTWIRE_CA_FILE": secured.ca_file,
        "GISTWIRE_CLIENT_CERTIFICATE": secured.certificate_file,
        "GISTWIRE_CLIENT_KEY": secured.key_file,
        "GISTWIRE_API_KEY": secured.api_key_file.read_text().strip(),
    }.items():
        monkeypatch.setenv(name, str(value))
    outcome = gistwire("search", "anything", "--json")
    assert outcome.status == ExitStatus.DONE, outcome.errors
    monkeypatch.setenv("GISTWIRE_API_KEY", "gw_nonsense")
    outcome = gistwire("search", "anything", "--json")
    assert outcome.status == ExitStatus.REFUSED
    assert "UNAUTHENTICATED" in outcome.errors
    assert "nonsense" not in outcome.errors


def test_a_folder_that_is_typed_goes_before_a_target_of_the_environment(
    gistwire: Gistwire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GISTWIRE_TARGET", "127.0.0.1:9")
    monkeypatch.setenv("GISTWIRE_API_KEY", "gw_x")
    outcome = gistwire("search", "anything", "--data-dir", tmp_path, "--json")
    assert outcome.status == ExitStatus.DONE, outcome.errors


def test_a_key_is_not_sent_readable_to_another_machine(
    gistwire: Gistwire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GISTWIRE_API_KEY", "gw_very_secret")
    outcome = gistwire("search", "anything", "--target", "news.example:50051")
    assert outcome.status == ExitStatus.USAGE
    assert "--tls" in outcome.errors
    assert "--allow-plaintext-credentials" in outcome.errors
    assert "very_secret" not in outcome.errors


def test_a_certificate_without_its_key_is_a_usage_error(gistwire: Gistwire, secured: Secured) -> None:
    outcome = gistwire(
        "search", "x", "--target", secured.target, "--client-certificate", secured.certificate_file
    )
    assert outcome.status == ExitStatus.USAGE
    assert "--client-key" in outcome.errors
