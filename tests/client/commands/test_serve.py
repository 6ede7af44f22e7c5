"""Tests of `gistwire serve`."""

import asyncio
import re
import signal
from pathlib import Path

import pytest
from gistwire_client import GistwireClient, HealthStatus
from gistwire_client.exit_status import ExitStatus

from tests.client.commands.conftest import COMMAND, Gistwire


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_it_is_told_to_end(tmp_path: Path, signal_number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "serve", "--port", "0", "--data-dir", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    announced = re.search(rb"127\.0\.0\.1:\d+", await process.stdout.readline())
    assert announced
    async with GistwireClient(announced.group().decode()) as client:
        assert await client.health() is HealthStatus.SERVING
        events = [event.WhichOneof("event") async for event in client.stream_search("anything")]
    assert events[-1] == "completed"
    process.send_signal(signal_number)
    output, _ = await process.communicate()
    assert b"Traceback" not in output
    assert process.returncode == ExitStatus.DONE


def test_options_win_over_the_file(gistwire: Gistwire, tmp_path: Path) -> None:
    config = tmp_path / "gistwire.toml"
    config.write_text(f'data_dir = "{tmp_path}"\nlisten = "127.0.0.1:0"\n')
    outcome = gistwire("serve", "--config", config, "--host", "192.0.2.1")
    assert outcome.status == ExitStatus.USAGE
    assert "192.0.2.1" in outcome.errors


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("listen = 5", "listen"),
        ("colour = 'red'", "colour"),
        ("listen = ", "gistwire.toml"),
        ("listen = '0.0.0.0:1'", "security.api_keys_file"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_a_usage_error(
    gistwire: Gistwire, tmp_path: Path, text: str, complaint: str
) -> None:
    config = tmp_path / "gistwire.toml"
    config.write_text(text)
    outcome = gistwire("serve", "--config", config, "--data-dir", tmp_path)
    assert outcome.status == ExitStatus.USAGE
    assert complaint in outcome.errors


def test_a_data_folder_that_cannot_be_made_has_failed(gistwire: Gistwire, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    outcome = gistwire("serve", "--port", "0", "--data-dir", tmp_path / "file" / "data")
    assert outcome.status == ExitStatus.FAILED
    assert "the server cannot run" in outcome.errors


def test_cluster_that_cannot_be_reached_is_said_to_be_so(gistwire: Gistwire, tmp_path: Path) -> None:
    config = tmp_path / "gistwire.toml"
    config.write_text(f'data_dir = "{tmp_path}"\n[elasticsearch]\nurls = ["http://127.0.0.1:9"]\n')
    outcome = gistwire("serve", "--index", "elasticsearch", "--config", config)
    assert outcome.status == ExitStatus.FAILED
    assert "Elasticsearch cannot be reached" in outcome.errors
