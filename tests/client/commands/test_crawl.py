"""Tests of gistwire_client.commands.crawl, over a web server on the loopback address."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest
from gistwire.v1 import article_pb2
from gistwire_client.exit_status import ExitStatus
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from tests.client.commands.conftest import COMMAND, Gistwire, in_thread
from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import Refusal, acknowledging, flow

FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Wire</title>{}</channel></rss>"""
ITEM = "<item><title>{}</title><link>https://wire.example/{}</link></item>"


class Site(ThreadingHTTPServer):
    """Serves the feeds in `feeds` by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.feeds: dict[str, str] = {}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Site)
        body = self.server.feeds.get(self.path, "").encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keeps the output of the tests free of what the server logs."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def configure(site: Site, tmp_path: Path) -> Callable[..., Path]:
    """Writes a configuration with feeds at these paths."""

    def write(*paths: str) -> Path:
        feeds = "".join(f"  - url: {site.url(path)}\n    name: Wire {path}\n" for path in paths)
        settings = "  contact: crawler@news.example\n  allow_private_addresses: true\n  delay: 0s\n"
        file = tmp_path / "feeds.yaml"
        file.write_text(f"settings:\n{settings}feeds:\n{feeds}")
        return file

    return write


def test_one_pass_indexes_what_is_new_and_remembers_it(
    gistwire: Gistwire, site: Site, configure: Callable[..., Path], tmp_path: Path
) -> None:
    site.feeds["/feed"] = FEED.format(ITEM.format("Harbour crane collapses", "a") + ITEM.format("", "b"))
    data_dir = tmp_path / "data"
    first = gistwire("crawl", configure("/feed", "/none"), "--once", "--data-dir", data_dir)
    assert first.status == ExitStatus.DONE
    lines = sorted(first.output.splitlines())
    letters = data_dir / "dead-letter.jsonl"
    assert lines[0] == f"2 feeds asked, 1 failed: 1 new, 0 updated, 0 removed, 1 rejected (see {letters})"
    assert lines[1].startswith("Wire /feed: 1 new, 0 updated, 0 removed, 1 rejected; next at ")
    assert "Wire /none: failed: the server answers 404; next at " in lines[2]
    assert json.loads(letters.read_text())["field"] == "headline"
    found = gistwire("search", "crane", "--data-dir", data_dir, "--summaries", "none")
    assert "Harbour crane collapses" in found.output
    again = gistwire("crawl", configure("/feed"), "--once", "--data-dir", data_dir)
    assert again.output == "0 feeds asked, 0 failed: 0 new, 0 updated, 0 removed\n"


def test_json_lines_are_the_reports(
    gistwire: Gistwire, site: Site, configure: Callable[..., Path], tmp_path: Path
) -> None:
    site.feeds["/feed"] = FEED.format(ITEM.format("Harbour crane collapses", "a"))
    outcome = gistwire("crawl", configure("/feed"), "--once", "--json", "--data-dir", tmp_path / "data")
    (report,) = outcome.events
    assert (report["feed"], report["outcome"], report["new"]) == (site.url("/feed"), "read", 1)
    assert report["nextDue"].endswith("Z")
    assert outcome.errors == "1 feed asked, 0 failed: 1 new, 0 updated, 0 removed\n"


def test_what_servers_say_does_nothing_to_a_terminal(
    gistwire: Gistwire, site: Site, configure: Callable[..., Path], tmp_path: Path
) -> None:
    file = configure("/feed")
    file.write_text(file.read_text().replace("Wire /feed", '"Wire \\e[31m\\u202e"'))
    outcome = gistwire("crawl", file, "--once", "--data-dir", tmp_path / "data")
    assert outcome.output.startswith("Wire [31m: failed: ")


def test_check_prints_the_plan_and_asks_nobody(
    gistwire: Gistwire, configure: Callable[..., Path], tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    outcome = gistwire("crawl", configure("/feed"), "--check", "--data-dir", data_dir)
    assert outcome.status == ExitStatus.DONE
    assert outcome.output.startswith("1 feed, asked as Gistwire/0.1 (+crawler@news.example)\n")
    assert "/feed: every 30m, text of the feed\n" in outcome.output
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "settings: {contact: a@b.example}\nfeeds: [{url: 'https://a.example/', every: x}]",
            "feeds[0].every",
        ),
        ("feeds: [", "expected node content"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_a_usage_error(
    gistwire: Gistwire, tmp_path: Path, text: str, reason: str
) -> None:
    file = tmp_path / "feeds.yaml"
    file.write_text(text)
    outcome = gistwire("crawl", file, "--check")
    assert outcome.status == ExitStatus.USAGE
    assert reason in outcome.errors


def test_a_state_that_cannot_be_used_is_a_failure(
    gistwire: Gistwire, configure: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("no database " * 200)
    outcome = gistwire(
        *(
            "crawl",
            configure("/feed"),
            "--once",
            "--data-dir",
            tmp_path / "data",
            "--state",
            tmp_path / "state",
        )
    )
    assert outcome.status == ExitStatus.FAILED
    assert "not a database" in outcome.errors


@pytest.mark.parametrize("once", [["--once"], []])
def test_where_no_server_is_it_is_unreachable(
    gistwire: Gistwire, configure: Callable[..., Path], tmp_path: Path, once: list[str]
) -> None:
    target, state = f"unix:{tmp_path / 'none'}", tmp_path / "state"
    outcome = gistwire("crawl", configure("/feed"), *once, "--target", target, "--state", state)
    assert outcome.status == ExitStatus.UNREACHABLE
    assert outcome.errors.startswith("unreachable: ")


async def test_a_server_elsewhere_gets_the_articles_over_one_stream(
    server: ScriptedServer, gistwire: Gistwire, site: Site, configure: Callable[..., Path], tmp_path: Path
) -> None:
    server.articles.streams = [acknowledging()]
    site.feeds["/feed"] = FEED.format("".join(ITEM.format(f"N{number}", number) for number in range(20)))
    options = ("--once", "--target", server.target, "--state", tmp_path / "state")
    outcome = await in_thread(gistwire, "crawl", configure("/feed"), *options)
    assert outcome.status == ExitStatus.DONE
    assert "20 new" in outcome.output
    assert sorted(article.url for article in server.articles.sent) == sorted(
        f"https://wire.example/{number}" for number in range(20)
    )


@pytest.mark.parametrize(
    ("sent", "status"),
    [(signal.SIGTERM, ExitStatus.DONE), (signal.SIGINT, ExitStatus.INTERRUPTED)],
)
async def test_it_runs_until_a_signal_ends_it(
    server: ScriptedServer,
    site: Site,
    configure: Callable[..., Path],
    tmp_path: Path,
    sent: signal.Signals,
    status: ExitStatus,
) -> None:
    server.articles.streams = [acknowledging()]
    site.feeds["/feed"] = FEED.format(ITEM.format("Harbour crane collapses", "a"))
    options = ["--target", server.target, "--state", str(tmp_path / "state"), "--json"]
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "crawl", str(configure("/feed")), *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert json.loads(await process.stdout.readline())["new"] == 1
    process.send_signal(sent)
    output, errors = await process.communicate()
    assert (process.returncode, output, errors.strip()) == (status, b"", b"")


async def test_it_goes_on_when_a_server_that_went_away_is_back(
    server: ScriptedServer, site: Site, configure: Callable[..., Path], tmp_path: Path
) -> None:
    # A refusal that says when to come back, then a stream that works.
    server.articles.streams = [overloaded, acknowledging()]
    site.feeds["/feed"] = FEED.format(ITEM.format("Harbour crane collapses", "a"))
    options = ["--target", server.target, "--state", str(tmp_path / "state"), "--json"]
    program = "import random; random.SystemRandom.uniform = lambda *_: 0.0; " + COMMAND[2]
    process = await asyncio.create_subprocess_exec(
        *(COMMAND[0], "-c", program, "crawl", str(configure("/feed")), *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert json.loads(await process.stdout.readline())["new"] == 1
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()
    assert errors == b"too many streams; trying again in 0 s\n"


async def overloaded(
    requests: AsyncIterator[article_pb2.StreamIngestRequest], context: grpc.aio.ServicerContext[Any, Any]
) -> AsyncIterator[article_pb2.StreamIngestResponse]:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1))
    await Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams", [retry]).abort(context)
    yield flow(4)
