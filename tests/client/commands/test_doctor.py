"""Tests of `gistwire doctor`."""

from pathlib import Path

import pytest
from gistwire_client.exit_status import ExitStatus
from grpc_health.v1 import health_pb2

from tests.client.commands.conftest import Gistwire, Outcome, in_thread
from tests.client.conftest import ScriptedServer


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
    for part in ("elasticsearch", "triton"):
        assert found[part] == ("absent", "not part of this version")


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
    assert outcome.status == ExitStatus.DONE
    assert checks(outcome)[part] == ("ok", "serving")
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
