"""Tests of `gistwire search`: on the embedded server, and on a scripted one for what that never does."""

import asyncio
import os
import signal
import unicodedata
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import events_pb2, search_pb2, specs_pb2
from gistwire_client.exit_status import ExitStatus
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import Parse
from google.rpc import error_details_pb2

from tests.client.commands.conftest import COMMAND, Gistwire, in_thread
from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import Refusal, hit, numbered, search_events

HOSTILE = "\x1b[31mred\x1b]0;title\x07 \u202etxet\u2066 \x9b2J\u200b end"


def test_plain_lines_show_hits_then_the_result(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("search", "harbour crane", "--data-dir", data_dir)
    assert outcome.status == ExitStatus.DONE
    found, first, *_ = outcome.output.split("\n\n")
    assert found.splitlines()[0] == "1. Harbour crane collapses in Ellery — Meridian Wire, 5 Oct 2026"
    assert first.splitlines()[:2] == [
        "1. Harbour crane collapses in Ellery",
        "   Meridian Wire, 5 Oct 2026 · extracted",
    ]
    assert "crane" in first.splitlines()[2]
    assert "total" in outcome.output.splitlines()[-1]
    assert outcome.errors == ""


def test_json_lines_are_the_events_in_their_order(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("search", "harbour crane", "--data-dir", data_dir, "--limit", "2", "--json")
    assert outcome.status == ExitStatus.DONE
    events = [Parse(line, search_pb2.StreamSearchResponse()) for line in outcome.output.splitlines()]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[0] == "started"
    assert kinds[-2:] == ["ranking", "completed"]
    assert kinds.index("hits") < kinds.index("summary")
    hits = next(event.hits.hits for event in events if event.HasField("hits"))
    assert len(hits) == 2
    assert sorted(event.summary.hit_id for event in events if event.HasField("summary")) == sorted(
        each.hit_id for each in hits
    )
    assert events[-2].ranking.final
    assert {"hitId", "article"} <= outcome.events[kinds.index("hits")]["hits"]["hits"][0].keys()


def test_explanations_stand_under_each_hit(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("search", "harbour crane", "--data-dir", data_dir, "--limit", "1", "--explain")
    assert outcome.status == ExitStatus.DONE
    _, shown, *_ = outcome.output.split("\n\n")
    score, found, *support = shown.splitlines()[3:]
    assert score.startswith("   score ")
    assert "has harbour, crane" in found
    assert any("word for word in the article" in line for line in support)


def test_options_reach_the_embedded_server(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire(
        *("search", "harbour", "--data-dir", data_dir, "--json", "--summaries", "none"),
        *("--filter", 'source = "Harbour Dispatch"', "--limit", "7"),
    )
    plan = outcome.events[0]["started"]["plan"]
    assert plan["topK"] == 7
    assert plan["summary"]["mode"] == "NONE"
    hits = next(event["hits"] for event in outcome.events if "hits" in event)
    assert [each["article"]["id"] for each in hits["hits"]] == ["a2"]


def test_nothing_found_is_no_error(gistwire: Gistwire, tmp_path: Path) -> None:
    outcome = gistwire("search", "anything", "--data-dir", tmp_path / "new")
    assert outcome.status == ExitStatus.DONE
    assert outcome.output.startswith("nothing found")


def test_a_user_s_profile_is_taken_into_account_where_there_is_one(
    gistwire: Gistwire, data_dir: Path
) -> None:
    def interests() -> dict[str, float | None]:
        outcome = gistwire("search", "harbour", "--data-dir", data_dir, "--user", "u1", "--json")
        assert outcome.status == ExitStatus.DONE
        assert outcome.errors == ""
        hits = next(event["hits"]["hits"] for event in outcome.events if "hits" in event)
        return {hit["article"]["id"]: hit["signals"].get("interest") for hit in hits}

    assert set(interests().values()) == {None}
    assert gistwire("event", "write", "u1", "a2", "like", "--data-dir", data_dir).status == ExitStatus.DONE
    known = interests()
    assert max(known, key=lambda article_id: known[article_id] or 0.0) == "a2"


async def test_a_profile_that_cannot_be_read_is_told_on_standard_error(
    gistwire: Gistwire, server: ScriptedServer
) -> None:
    degraded = events_pb2.Degraded(
        stage=events_pb2.StageTime.PERSONALIZE,
        reason=events_pb2.Degraded.BACKEND_DOWN,
        action=events_pb2.Degraded.NOT_PERSONALIZED,
    )
    events = search_events(hit("h1", "Storm"))
    server.search.events = [events[0], search_pb2.StreamSearchResponse(degraded=degraded), *events[1:]]
    outcome = await in_thread(gistwire, "search", "storms", "--target", server.target, "--user", "u1")
    assert outcome.status == ExitStatus.DONE
    assert outcome.errors == (
        "degraded: personalization: a backend does not answer; ranked without the user's profile\n"
    )


def test_a_filter_that_cannot_be_read_is_refused(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("search", "harbour", "--data-dir", data_dir, "--filter", "source = = 1")
    assert outcome.status == ExitStatus.REFUSED
    assert outcome.output == ""
    assert outcome.errors.startswith("refused: ")
    assert "filter" in outcome.errors


def test_where_no_server_is_it_is_unreachable(gistwire: Gistwire, tmp_path: Path) -> None:
    outcome = gistwire("search", "harbour", "--target", f"unix:{tmp_path / 'none'}")
    assert outcome.status == ExitStatus.UNREACHABLE
    assert outcome.errors.startswith("unreachable: ")


def test_an_embedded_server_that_cannot_start_is_unreachable(gistwire: Gistwire, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    outcome = gistwire("search", "harbour", "--data-dir", tmp_path / "file" / "data")
    assert outcome.status == ExitStatus.UNREACHABLE
    assert "cannot start" in outcome.errors


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["q", "--limit", "0"],
        ["q", "--limit", "101"],
        ["q", "--deadline", "0"],
        ["q", "--summaries", "long"],
        ["q", "--target", "nowhere"],
        ["q", "--target", "localhost:1", "--data-dir", "x"],
        ["q", "--unknown"],
    ],
)
def test_wrong_usage_has_its_status(gistwire: Gistwire, arguments: list[str]) -> None:
    outcome = gistwire("search", *arguments)
    assert outcome.status == ExitStatus.USAGE
    assert "Error:" in outcome.errors
    assert outcome.output == ""


async def test_what_is_asked_for_reaches_the_server(server: ScriptedServer, gistwire: Gistwire) -> None:
    server.search.events = search_events()
    outcome = await in_thread(
        gistwire,
        *("search", "storms", "--target", server.target, "--limit", 4, "--summaries", "fast"),
        *("--filter", 'language = "en"', "--interest", "rail", "--interest", "ports", "--user", "u1"),
    )
    assert outcome.status == ExitStatus.DONE
    assert server.search.requests == [
        search_pb2.StreamSearchRequest(
            query="storms",
            top_k=4,
            filter='language = "en"',
            summary=specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.FAST),
            user=specs_pb2.UserContext(user_id="u1", interests=["rail", "ports"]),
        )
    ]


@pytest.mark.parametrize("format_option", [[], ["--json"]])
async def test_hostile_text_never_reaches_the_output(
    server: ScriptedServer, gistwire: Gistwire, format_option: list[str]
) -> None:
    found = hit("h1", HOSTILE, source=HOSTILE, url=f"https://news.example/{HOSTILE}")
    found.extract = HOSTILE
    server.search.events = search_events(found, query=HOSTILE, summaries=[HOSTILE])
    outcome = await in_thread(gistwire, "search", "storms", "--target", server.target, *format_option)
    assert outcome.status == ExitStatus.DONE
    assert "red" in outcome.output
    shown = outcome.output.replace("\n", "")
    assert not [character for character in shown if unicodedata.category(character).startswith("C")]


async def test_a_refusal_is_told_with_fields_and_without_what_could_act_on_a_terminal(
    server: ScriptedServer, gistwire: Gistwire
) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="top_k\x1b[1m", description="too\nlarge")
    server.search.refusal = Refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "too much \x1b[2Jat once",
        [
            error_details_pb2.ErrorInfo(reason="OVERLOAD"),
            error_details_pb2.BadRequest(field_violations=[violation]),
            error_details_pb2.RetryInfo(retry_delay=Duration(seconds=3)),
        ],
    )
    outcome = await in_thread(gistwire, "search", "storms", "--target", server.target)
    assert outcome.status == ExitStatus.REFUSED
    assert outcome.errors.splitlines() == [
        "refused: too much [2Jat once (OVERLOAD)",
        "  top_k[1m: too large",
        "  try again after 3.0 s",
    ]


async def test_a_degraded_search_is_told_and_done(server: ScriptedServer, gistwire: Gistwire) -> None:
    degraded = events_pb2.Degraded(
        stage=events_pb2.StageTime.RETRIEVE,
        reason=events_pb2.Degraded.BACKEND_DOWN,
        action=events_pb2.Degraded.LEXICAL_ONLY,
    )
    events = search_events(hit("h1", "Storm"))
    events.insert(1, search_pb2.StreamSearchResponse(degraded=degraded))
    server.search.events = numbered(events)
    outcome = await in_thread(gistwire, "search", "storms", "--target", server.target, "--json")
    assert outcome.status == ExitStatus.DONE
    assert outcome.errors == "degraded: retrieval: a backend does not answer; searched by words only\n"
    assert len(outcome.events) == len(events)


async def test_a_search_that_breaks_off_has_failed(server: ScriptedServer, gistwire: Gistwire) -> None:
    server.search.events = search_events(hit("h1", "Storm"))[:2]
    outcome = await in_thread(gistwire, "search", "storms", "--target", server.target)
    assert outcome.status == ExitStatus.FAILED
    assert outcome.output == "1. Storm\n"
    assert outcome.errors.startswith("failed: ")


async def test_a_closed_pipe_ends_the_command_without_a_word(server: ScriptedServer) -> None:
    pipe_closed = asyncio.Event()
    server.search.events = search_events(hit("h1", "Storm"))
    server.search.gates = {1: pipe_closed}
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "search", "storms", "--target", server.target, "--json"),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writing)
    with os.fdopen(reading) as output:
        first = await asyncio.to_thread(output.readline)
    pipe_closed.set()
    _, errors = await process.communicate()
    assert '"started"' in first
    assert errors == b""
    assert process.returncode == ExitStatus.PIPE_CLOSED


async def test_an_interrupt_has_its_status_and_cancels_the_search(server: ScriptedServer) -> None:
    server.search.events = search_events(hit("h1", "Storm"))[:1]
    server.search.holds = True
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "search", "storms", "--target", server.target, "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()
    assert process.returncode == ExitStatus.INTERRUPTED
    assert b"Traceback" not in errors
    await server.search.ended.wait()
