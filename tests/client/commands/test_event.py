"""Tests of `gistwire event`: on the embedded server, and on a scripted one for what that never does."""

import io
import json
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import user_event_pb2
from gistwire_client.exit_status import ExitStatus
from google.rpc import status_pb2

from tests.client.commands.conftest import Gistwire, in_thread
from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import Refusal

Event = user_event_pb2.UserEvent


def line(event_id: str, **fields: object) -> str:
    event = {"eventId": event_id, "userId": "ada", "articleId": "a1", "kind": "CLICK", **fields}
    return json.dumps(event) + "\n"


def test_events_of_a_user_make_a_profile(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("event", "write", "ada", "a1", "like", "--data-dir", data_dir)
    assert (outcome.status, outcome.output) == (ExitStatus.DONE, "1 written, 0 repeated, 0 refused\n")
    rated = ("event", "write", "ada", "a3", "rate-summary", "--rating", "0.8", "--data-dir", data_dir)
    assert gistwire(*rated).status == ExitStatus.DONE
    stated = gistwire("event", "interests", "ada", "offshore wind", "chess", "--data-dir", data_dir)
    assert stated.output == "interests: offshore wind, chess\n"

    shown = gistwire("event", "profile", "ada", "--data-dir", data_dir).output.splitlines()
    assert shown[:2] == ["ada: 2 events", "said to be interested in: offshore wind, chess"]
    assert any("offshore wind" in each and "%" in each for each in shown[3:])
    latest, first = shown[shown.index("Latest events") + 1 :]
    assert latest.endswith("UTC  rated the summary of a3: 0.80")
    assert first.endswith("UTC  liked a1")

    [profile] = gistwire("event", "profile", "ada", "--data-dir", data_dir, "--json").events
    assert profile["eventCount"] == "2"
    assert profile["tags"] == ["offshore wind", "chess"]
    assert profile["history"][0]["rating"] == 0.8


def test_an_event_with_an_identifier_is_written_once(gistwire: Gistwire, data_dir: Path) -> None:
    arguments = ("event", "write", "ada", "a1", "click", "--id", "e1", "--data-dir", data_dir)
    assert gistwire(*arguments).output == "1 written, 0 repeated, 0 refused\n"
    assert gistwire(*arguments).output == "0 written, 1 repeated, 0 refused\n"


def test_events_are_read_from_a_file(gistwire: Gistwire, data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(line(f"e{number}") for number in range(1_200)) + "\n")
    outcome = gistwire("event", "write", "--from", file, "--data-dir", data_dir, "--json")
    assert outcome.status == ExitStatus.DONE
    assert [each["writtenCount"] for each in outcome.events] == [1000, 200]
    assert outcome.errors == "1,200 written, 0 repeated, 0 refused\n"


def test_what_cannot_be_written_is_named_and_the_rest_is_written(
    gistwire: Gistwire, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = line("e1") + "nonsense\n" + line("e2", kind="RATE_ARTICLE") + line("e3", kind="WHAT") + line("e4")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    outcome = gistwire("event", "write", "--from", "-", "--data-dir", data_dir)
    assert outcome.status == ExitStatus.REFUSED
    assert outcome.output == "2 written, 0 repeated, 3 refused\n"
    unreadable, unknown, refused = outcome.errors.splitlines()
    assert unreadable.startswith("unreadable: line 2: ")
    assert unknown.startswith("unreadable: line 4: ")
    assert refused.startswith("refused: e2: events[1].rating must be given")


def test_a_purge_erases_a_user(gistwire: Gistwire, data_dir: Path) -> None:
    gistwire("event", "write", "canary-user", "a1", "like", "--data-dir", data_dir)
    outcome = gistwire("event", "purge", "canary-user", "--yes", "--data-dir", data_dir)
    assert (outcome.status, outcome.output) == (ExitStatus.DONE, "1 event erased\n")
    missing = gistwire("event", "profile", "canary-user", "--data-dir", data_dir)
    assert missing.status == ExitStatus.REFUSED
    assert "USER_NOT_FOUND" in missing.errors
    assert not any(b"canary-user" in each.read_bytes() for each in data_dir.rglob("*") if each.is_file())
    again = gistwire("event", "purge", "canary-user", "--yes", "--data-dir", data_dir, "--json")
    assert again.events == [{}]


@pytest.mark.parametrize(("answer", "left"), [("n\n", True), ("", True), ("y\n", False)])
def test_a_purge_asks_first(
    gistwire: Gistwire, data_dir: Path, monkeypatch: pytest.MonkeyPatch, answer: str, *, left: bool
) -> None:
    gistwire("event", "write", "ada", "a1", "like", "--data-dir", data_dir)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(answer.encode())))
    outcome = gistwire("event", "purge", "ada", "--data-dir", data_dir)
    assert outcome.status == (ExitStatus.INTERRUPTED if left else ExitStatus.DONE)
    profile = gistwire("event", "profile", "ada", "--data-dir", data_dir)
    assert profile.status == (ExitStatus.DONE if left else ExitStatus.REFUSED)


def test_interests_can_be_dropped(gistwire: Gistwire, data_dir: Path) -> None:
    gistwire("event", "interests", "ada", "chess", "--data-dir", data_dir)
    outcome = gistwire("event", "interests", "ada", "--none", "--data-dir", data_dir)
    assert (outcome.status, outcome.output) == (ExitStatus.DONE, "interests: none\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("write",),
        ("write", "ada", "a1"),
        ("write", "ada", "a1", "hate"),
        ("write", "ada", "a1", "rate-article", "--rating", "2"),
        ("write", "ada", "a1", "like", "--from", "-"),
        ("write", "--from", "-", "--rating", "1"),
        ("write", "--from", "/nonexistent/events.jsonl"),
        ("write", "ada", "a1", "like", "--target", "nowhere"),
        ("interests", "ada"),
        ("interests", "ada", "chess", "--none"),
        ("profile",),
        ("purge", "--yes"),
    ],
)
def test_usage_errors(gistwire: Gistwire, arguments: tuple[str, ...]) -> None:
    assert gistwire("event", *arguments).status == ExitStatus.USAGE


async def test_the_token_and_the_kind_reach_the_server(gistwire: Gistwire, server: ScriptedServer) -> None:
    command = (
        "event",
        "write",
        "ada",
        "a1",
        "dismiss",
        "--token",
        "t",
        "--id",
        "e",
        "--target",
        server.target,
    )
    assert (await in_thread(gistwire, *command)).status == ExitStatus.DONE
    [request] = server.users.requests
    event = Event(event_id="e", user_id="ada", article_id="a1", kind=Event.DISMISS, attribution_token="t")
    assert request == user_event_pb2.WriteUserEventsRequest(events=[event])


async def test_what_a_server_says_does_nothing_to_the_terminal(
    gistwire: Gistwire, server: ScriptedServer
) -> None:
    hostile = "\x1b[31mred\x07\u202e"
    server.users.written.refused.add(event_id=hostile, status=status_pb2.Status(message=hostile))
    server.users.profile = user_event_pb2.UserProfile(
        user_id=hostile,
        tags=[hostile],
        interests=[user_event_pb2.Interest(keywords=[hostile], medoid_article_id=hostile)],
        history=[Event(article_id=hostile, kind=Event.Kind.ValueType(42))],
    )
    for command in (
        ("write", "ada", "a1", "like"),
        ("profile", "ada"),
        ("profile", "ada", "--json"),
        ("interests", "ada", "chess"),
    ):
        outcome = await in_thread(gistwire, "event", *command, "--target", server.target)
        assert (outcome.output + outcome.errors).replace("\n", "").isprintable()
        assert "red" in outcome.output + outcome.errors


async def test_a_refusal_ends_a_command(gistwire: Gistwire, server: ScriptedServer) -> None:
    server.users.failures = [Refusal(grpc.StatusCode.INVALID_ARGUMENT, "no such thing")]
    outcome = await in_thread(gistwire, "event", "purge", "ada", "--yes", "--target", server.target)
    assert (outcome.status, outcome.errors) == (ExitStatus.REFUSED, "refused: no such thing\n")
