"""Tests of `gistwire watch`: on a scripted server, and on the embedded one."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.v1 import search_pb2, specs_pb2
from gistwire_client.exit_status import ExitStatus

from tests.client.commands.conftest import COMMAND, Gistwire, in_thread
from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import Refusal, WatchScript, hit, watch_events

EXPIRED = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "too old")


async def run_until(marker: str, *arguments: object) -> tuple[int | None, list[str], str]:
    """Runs the command until a line has the marker, and interrupts it; its status, lines and errors."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines: list[str] = []
    async for line in process.stdout:
        lines.append(line.decode().rstrip("\n"))
        if marker in lines[-1]:
            process.send_signal(signal.SIGINT)
            break
    rest, errors = await process.communicate()
    return process.returncode, [*lines, *rest.decode().splitlines()], errors.decode()


async def test_hits_come_as_lines_until_an_interrupt(server: ScriptedServer) -> None:
    server.search.watches = [WatchScript(watch_events(hit("h1", "Storm"), hit("h2", "Flood")))]
    status, lines, errors = await run_until("Summary of Flood", "watch", "storms", "--target", server.target)
    assert status == ExitStatus.INTERRUPTED
    assert lines == ["h1  Storm", "h1 › Summary of Storm", "h2  Flood", "h2 › Summary of Flood"]
    assert errors.strip() == ""
    await server.search.ended.wait()


async def test_the_state_goes_on_where_the_last_run_ended(server: ScriptedServer, tmp_path: Path) -> None:
    state = tmp_path / "watch.token"
    server.search.watches = [
        WatchScript(watch_events(hit("h1", "Storm")), EXPIRED),
        WatchScript(watch_events(hit("h2", "Flood"), first=4), EXPIRED),
    ]
    for token in ("3", "6"):
        status, _, errors = await run_until(
            "nothing", "watch", "storms", "--target", server.target, "--state", state
        )
        assert status == ExitStatus.REFUSED
        assert "too old" in errors
        assert state.read_text().strip() == token
    resumed = server.search.requests[1]
    assert isinstance(resumed, search_pb2.WatchRequest)
    assert resumed.resume_token == "3"


async def test_what_is_asked_for_reaches_the_server(server: ScriptedServer, gistwire: Gistwire) -> None:
    server.search.watches = [WatchScript(watch_events(), EXPIRED)]
    await in_thread(
        gistwire,
        *("watch", "storms", "--target", server.target, "--past", 3, "--min-similarity", 0.7, "--json"),
        *("--filter", "source = wire", "--summaries", "fast", "--resume", "t"),
    )
    summary = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.FAST, stream_drafts=True)
    assert server.search.requests == [
        search_pb2.WatchRequest(
            query="storms",
            filter="source = wire",
            past_hits=3,
            min_similarity=0.7,
            summary=summary,
            resume_token="t",
        )
    ]


async def test_json_lines_are_the_events(server: ScriptedServer, gistwire: Gistwire) -> None:
    found = hit("h1", "Storm")
    found.headline_highlights.add(start=0, end=5)
    server.search.watches = [WatchScript(watch_events(found), EXPIRED)]
    outcome = await in_thread(gistwire, "watch", "storms", "--target", server.target, "--json")
    kinds = [next(key for key in each if key not in ("sequence", "resumeToken")) for each in outcome.events]
    assert kinds == ["started", "hits", "summary"]
    assert outcome.events[1]["resumeToken"] == "2"
    assert outcome.events[1]["hits"]["hits"][0]["headlineHighlights"] == [{"end": 5}]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["q", "--past", "-1"],
        ["q", "--past", "101"],
        ["q", "--min-similarity", "1.5"],
        ["q", "--resume", "t", "--state", "f"],
        ["q", "--target", "localhost:1", "--data-dir", "x"],
    ],
)
def test_wrong_usage_has_its_status(gistwire: Gistwire, arguments: list[str]) -> None:
    outcome = gistwire("watch", *arguments)
    assert outcome.status == ExitStatus.USAGE
    assert "Error:" in outcome.errors


def test_where_no_server_is_it_is_unreachable(gistwire: Gistwire, tmp_path: Path) -> None:
    outcome = gistwire("watch", "harbour", "--target", f"unix:{tmp_path / 'none'}")
    assert outcome.status == ExitStatus.UNREACHABLE


def test_a_state_that_cannot_be_read_is_told(gistwire: Gistwire, tmp_path: Path) -> None:
    state = tmp_path / "watch.token"
    state.write_text("x" * 5_000)
    outcome = gistwire("watch", "harbour", "--target", "unix:none", "--state", state)
    assert outcome.status == ExitStatus.FAILED
    assert "holds no resume token" in outcome.errors


async def test_an_article_that_another_process_indexes_comes_up(
    gistwire: Gistwire, data_dir: Path, tmp_path: Path
) -> None:
    new: dict[str, Any] = {"id": "n1", "headline": "Harbour crane repaired", "body": "It lifts again."}
    path = tmp_path / "new.jsonl"
    path.write_text(json.dumps(new))
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "watch", "harbour crane", "--data-dir", str(data_dir), "--past", "1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    while b"waiting for new ones" not in await process.stdout.readline():
        pass
    assert (await in_thread(gistwire, "ingest", path, "--data-dir", data_dir)).status == 0
    assert b"Harbour crane repaired" in await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()
    assert process.returncode == ExitStatus.INTERRUPTED
    assert errors.strip() == b""
