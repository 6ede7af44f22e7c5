"""Tests of `gistwire ingest`."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.v1 import article_pb2
from gistwire.v1.article_pb2 import IngestAcknowledgement
from gistwire_client.exit_status import ExitStatus
from google.protobuf.json_format import Parse

from tests.client.commands.conftest import ARTICLES, COMMAND, Gistwire, in_thread
from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import IngestStream, Refusal, acknowledgement, acknowledging, flow

CREATED, REJECTED = IngestAcknowledgement.CREATED, IngestAcknowledgement.REJECTED


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps checkpoints of servers elsewhere out of the user's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def answering(**outcomes: IngestAcknowledgement.Outcome.ValueType) -> IngestStream:
    """A stream that acknowledges the articles it has outcomes for, and fails if there are others."""

    async def stream(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        yield flow(100)
        left_out = False
        async for request in requests:
            if request.upsert.id in outcomes:
                yield acknowledgement(request.sequence, outcomes[request.upsert.id])
            else:
                left_out = True
        if left_out:
            await Refusal(grpc.StatusCode.INTERNAL, "the server fails").abort(context)
        yield article_pb2.StreamIngestResponse(completed=article_pb2.IngestCompleted())

    return stream


def ids_sent(server: ScriptedServer) -> list[str]:
    """The articles that were sent since this was last asked."""
    ids = [article.id for article in server.articles.sent]
    server.articles.sent.clear()
    return ids


def dead_letters(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_articles_are_indexed_and_can_be_found(
    gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path
) -> None:
    news, data_dir = write_articles(*ARTICLES), tmp_path / "data"
    first = gistwire("ingest", news, "--data-dir", data_dir)
    assert first.status == ExitStatus.DONE
    assert first.output == "3 created, 0 updated, 0 unchanged, 0 near-duplicates, 0 rejected\n"
    again = gistwire("ingest", news, "--data-dir", data_dir)
    assert again.output == "0 created, 0 updated, 3 unchanged, 0 near-duplicates, 0 rejected\n"
    found = gistwire("search", "gallery of clocks", "--data-dir", data_dir, "--limit", "1")
    assert "Museum opens a gallery of clocks" in found.output
    assert not (data_dir / "dead-letter.jsonl").exists()


def test_a_line_that_cannot_be_read_is_kept_and_the_others_go_in(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    lines = [json.dumps(ARTICLES[0]), "{garbage", json.dumps(ARTICLES[1])]
    process = subprocess.run(
        [*COMMAND, "ingest", "-", "--data-dir", str(data_dir)],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    letters = data_dir / "dead-letter.jsonl"
    assert process.returncode == ExitStatus.DONE
    assert process.stdout == (
        f"2 created, 0 updated, 0 unchanged, 0 near-duplicates, 1 rejected (see {letters})\n"
    )
    assert process.stderr == ""
    (letter,) = dead_letters(letters)
    assert letter["line"] == 2
    assert letter["raw"] == "{garbage"
    assert letter["reason"]


def test_an_article_that_the_server_rejects_is_kept_with_its_field(
    gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path
) -> None:
    news = write_articles(ARTICLES[0], {"id": "a9", "body": "No headline."}, ARTICLES[1])
    letters = tmp_path / "refused" / "letters.jsonl"
    outcome = gistwire("ingest", news, "--data-dir", tmp_path / "data", "--dead-letter", letters)
    assert outcome.status == ExitStatus.DONE
    assert outcome.output.startswith("2 created")
    assert outcome.output.endswith(f"1 rejected (see {letters})\n")
    (letter,) = dead_letters(letters)
    assert (letter["origin"], letter["line"], letter["id"], letter["field"]) == (
        str(news),
        2,
        "a9",
        "headline",
    )


def test_json_lines_are_the_events_and_the_closing_line_is_kept_off_them(
    gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path
) -> None:
    outcome = gistwire("ingest", write_articles(*ARTICLES), "--data-dir", tmp_path / "data", "--json")
    events = [Parse(line, article_pb2.StreamIngestResponse()) for line in outcome.output.splitlines()]
    assert [event.WhichOneof("event") for event in events] == ["acknowledgement"] * 3 + ["completed"]
    assert sorted(event.acknowledgement.id for event in events[:-1]) == ["a1", "a2", "a3"]
    assert events[-1].completed.created == 3
    assert outcome.errors.startswith("3 created")


def test_a_source_that_is_not_there_is_a_usage_error(gistwire: Gistwire, tmp_path: Path) -> None:
    outcome = gistwire("ingest", tmp_path / "none.jsonl", "--data-dir", tmp_path / "data")
    assert outcome.status == ExitStatus.USAGE
    assert "none.jsonl" in outcome.errors
    assert gistwire("ingest").status == ExitStatus.USAGE


def test_where_no_server_is_it_is_unreachable(
    gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.SystemRandom.uniform", lambda *_: 0.0)
    outcome = gistwire("ingest", write_articles(*ARTICLES), "--target", f"unix:{tmp_path / 'none'}")
    assert outcome.status == ExitStatus.UNREACHABLE
    assert outcome.errors.startswith("unreachable: ")


async def test_a_server_elsewhere_gets_the_articles_as_their_source_has_them(
    server: ScriptedServer, gistwire: Gistwire, write_articles: Callable[..., Path]
) -> None:
    server.articles.streams = [acknowledging(window=2)]
    article = {**ARTICLES[0], "url": "https://news.example/1", "category": "ports", "desk": "north"}
    outcome = await in_thread(gistwire, "ingest", write_articles(article), "--target", server.target)
    assert outcome.status == ExitStatus.DONE
    (sent,) = server.articles.sent
    assert (sent.id, sent.headline, sent.source) == ("a1", article["headline"], "Meridian Wire")
    assert (sent.url, sent.category, sent.language) == ("https://news.example/1", "ports", "en")
    assert sent.published.ToJsonString() == "2026-10-05T08:00:00Z"
    assert dict(sent.metadata) == {"desk": "north"}


async def test_dead_letters_of_a_server_elsewhere_lie_where_the_command_runs(
    server: ScriptedServer,
    gistwire: Gistwire,
    write_articles: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def reject(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        yield flow(4)
        async for request in requests:
            yield acknowledgement(request.sequence, IngestAcknowledgement.REJECTED)
        yield article_pb2.StreamIngestResponse(completed=article_pb2.IngestCompleted())

    server.articles.streams = [reject]
    monkeypatch.chdir(tmp_path)
    outcome = await in_thread(gistwire, "ingest", write_articles(*ARTICLES), "--target", server.target)
    assert outcome.status == ExitStatus.DONE
    letters = dead_letters(tmp_path / "gistwire-dead-letter.jsonl")
    assert [letter["line"] for letter in letters] == [1, 2, 3]
    assert {letter["reason"] for letter in letters} == {"rejected by the server"}


async def test_a_refused_stream_has_its_status(
    server: ScriptedServer, gistwire: Gistwire, write_articles: Callable[..., Path]
) -> None:
    async def refuse(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        await Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams").abort(context)
        yield flow(4)

    server.articles.streams = [refuse]
    outcome = await in_thread(gistwire, "ingest", write_articles(*ARTICLES), "--target", server.target)
    assert outcome.status == ExitStatus.REFUSED
    assert outcome.errors == "refused: too many streams\n"


async def test_an_article_is_sent_while_standard_input_is_still_open(server: ScriptedServer) -> None:
    server.articles.streams = [acknowledging()]
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "ingest", "-", "--format", "jsonl", "--target", server.target, "--json"),
        stdin=reading,
        stdout=asyncio.subprocess.PIPE,
    )
    os.close(reading)
    assert process.stdout is not None
    with os.fdopen(writing, "wb", buffering=0) as source:
        source.write(json.dumps(ARTICLES[0]).encode() + b"\n")
        assert json.loads(await process.stdout.readline())["acknowledgement"]["id"] == "a1"
    output, _ = await process.communicate()
    assert json.loads(output) == {"completed": {"created": "1"}}
    assert process.returncode == ExitStatus.DONE


async def test_an_interrupted_run_is_resumed_behind_what_was_acknowledged(
    server: ScriptedServer, gistwire: Gistwire, write_articles: Callable[..., Path]
) -> None:
    server.articles.streams = [answering(a1=CREATED, a3=CREATED), answering(a2=CREATED, a3=CREATED)]
    command = ("ingest", write_articles(*ARTICLES), "--target", server.target)
    failed = await in_thread(gistwire, *command)
    assert failed.status == ExitStatus.FAILED
    assert ids_sent(server) == ["a1", "a2", "a3"]
    resumed = await in_thread(gistwire, *command)
    assert resumed.status == ExitStatus.DONE
    assert resumed.errors == f"resuming {command[1]} at line 2\n"
    assert ids_sent(server) == ["a2", "a3"]


async def test_what_an_interrupted_run_had_refused_is_kept_once(
    server: ScriptedServer, gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path
) -> None:
    server.articles.streams = [answering(a3=REJECTED), answering(a1=CREATED, a2=REJECTED, a3=REJECTED)]
    news = write_articles(ARTICLES[0], "{garbage", *ARTICLES[1:])
    command = ("ingest", news, "--target", server.target, "--dead-letter", tmp_path / "letters")
    assert (await in_thread(gistwire, *command)).status == ExitStatus.FAILED
    resumed = await in_thread(gistwire, *command)
    assert sorted(letter["line"] for letter in dead_letters(tmp_path / "letters")) == [2, 3, 4]
    assert resumed.output.endswith(f"3 rejected (see {tmp_path / 'letters'})\n")


async def test_a_run_that_came_to_its_end_is_not_resumed(
    server: ScriptedServer, gistwire: Gistwire, write_articles: Callable[..., Path]
) -> None:
    server.articles.streams = [acknowledging(), acknowledging()]
    command = ("ingest", write_articles(*ARTICLES), "--target", server.target)
    for _ in range(2):
        outcome = await in_thread(gistwire, *command)
        assert (outcome.status, outcome.errors) == (ExitStatus.DONE, "")
        assert ids_sent(server) == ["a1", "a2", "a3"]


@pytest.mark.parametrize("change", ["--no-checkpoint", "content", "--checkpoint"])
async def test_a_run_begins_anew_if_it_is_told_to_or_knows_no_better(
    server: ScriptedServer,
    gistwire: Gistwire,
    write_articles: Callable[..., Path],
    tmp_path: Path,
    change: str,
) -> None:
    server.articles.streams = [answering(a1=CREATED), acknowledging()]
    command: list[object] = ["ingest", write_articles(*ARTICLES), "--target", server.target]
    await in_thread(gistwire, *command)
    if change == "content":
        write_articles({**ARTICLES[0], "headline": "Harbour crane collapses in Corran"}, *ARTICLES[1:])
    else:
        command += [change, tmp_path / "other.db"] if change == "--checkpoint" else [change]
    ids_sent(server)
    outcome = await in_thread(gistwire, *command)
    assert (outcome.status, outcome.errors) == (ExitStatus.DONE, "")
    assert ids_sent(server) == ["a1", "a2", "a3"]


async def test_sources_before_the_interruption_are_left_out(
    server: ScriptedServer, gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path
) -> None:
    first = write_articles(*ARTICLES[:2]).rename(tmp_path / "first.jsonl")
    command = ("ingest", first, write_articles(ARTICLES[2]), "--target", server.target)
    server.articles.streams = [answering(a1=CREATED, a2=CREATED), acknowledging()]
    assert (await in_thread(gistwire, *command)).status == ExitStatus.FAILED
    ids_sent(server)
    resumed = await in_thread(gistwire, *command)
    assert resumed.errors == f"{first} was indexed to its end by the run that is resumed\n"
    assert ids_sent(server) == ["a3"]


def test_checkpoints_of_an_embedded_index_lie_with_it(
    gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path
) -> None:
    gistwire("ingest", write_articles(*ARTICLES), "--data-dir", tmp_path / "data")
    assert (tmp_path / "data" / "ingest-checkpoints.db").is_file()
    assert not (tmp_path / "state").exists()


def test_a_checkpoint_file_that_is_none_fails_the_run(
    gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path
) -> None:
    news = write_articles(*ARTICLES)
    outcome = gistwire("ingest", news, "--data-dir", tmp_path / "data", "--checkpoint", news)
    assert outcome.status == ExitStatus.FAILED
    assert "news.jsonl cannot be used" in outcome.errors
    assert len(news.read_text().splitlines()) == 3


@pytest.mark.parametrize("visibility", ["immediate", "awaited", "eventual"])
async def test_the_server_is_told_when_articles_are_to_be_visible(
    server: ScriptedServer, gistwire: Gistwire, write_articles: Callable[..., Path], visibility: str
) -> None:
    told: list[str] = []

    async def stream(
        requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[article_pb2.StreamIngestResponse]:
        yield flow(4)
        async for request in requests:
            if request.HasField("options"):
                told.append(article_pb2.IngestOptions.Visibility.Name(request.options.visibility))
            yield acknowledgement(request.sequence)
        yield article_pb2.StreamIngestResponse(completed=article_pb2.IngestCompleted())

    server.articles.streams = [stream]
    news = write_articles(*ARTICLES)
    await in_thread(gistwire, "ingest", news, "--target", server.target, "--visibility", visibility)
    assert told == [visibility.upper()]
