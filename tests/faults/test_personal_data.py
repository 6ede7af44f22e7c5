"""Fault 19: what users and articles say is in no log at any level, no trace, no metric, and nobody else's error."""

import asyncio
import json
import secrets
import urllib.request
from collections.abc import AsyncIterable, Awaitable, Callable
from pathlib import Path

import pytest
from gistwire.v1 import article_pb2, specs_pb2, user_event_pb2
from gistwire_client.client import GistwireClient
from gistwire_client.errors import CallFailedError, GistwireClientError
from gistwire_server.app import RunningServer, running_server
from gistwire_server.config import ElasticsearchConfig, ServerConfig, TritonConfig
from gistwire_server.telemetry.config import TelemetryConfig
from gistwire_server.telemetry.log import configure_log
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry import trace

from tests.backends.elasticsearch import ElasticsearchServer
from tests.backends.ports import free_port
from tests.backends.triton import TritonServer
from tests.recorded_spans import RecordedSpans

RPCS = {
    *(
        "StreamSearch",
        "Search",
        "Watch",
        "StreamSummarize",
        "StreamDigest",
        "StreamRecommend",
        "StreamTopics",
    ),
    *("GetArticle", "DeleteArticle", "StreamIngest"),
    *("WriteUserEvents", "GetUserProfile", "UpdateUserProfile", "PurgeUser"),
}


class Canaries:
    """Words that occur nowhere else, one for each place that a user or an article can fill."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def __getitem__(self, place: str) -> str:
        return self.words.setdefault(place, f"canary{secrets.token_hex(6)}")

    def found_in(self, text: str) -> list[str]:
        """The places whose words a text holds."""
        return [place for place, word in self.words.items() if word in text]


class Visitor:
    """Makes calls that hold canaries, and keeps the errors in which they end.

    Attributes:
        calls: number of calls made.
        errors: what ended in one.
    """

    def __init__(self, client: GistwireClient) -> None:
        self._client = client
        self.calls = 0
        self.errors: list[GistwireClientError] = []

    async def reads(self, stream: AsyncIterable[object]) -> str:
        """Reads a stream to its end, and returns all that it said."""
        self.calls += 1
        said: list[str] = []
        try:
            said.extend([str(event) async for event in stream])
        except GistwireClientError as error:
            self.errors.append(error)
        return "".join(said)

    async def asks(self, answer: Awaitable[object]) -> str:
        """Waits for an answer, and returns it as text."""
        self.calls += 1
        try:
            return str(await answer)
        except GistwireClientError as error:
            self.errors.append(error)
            return ""

    async def searches(self, words: Canaries, query: str = "") -> str:
        """Searches with canaries wherever a search has room for text."""
        said = ""
        user = specs_pb2.UserContext(user_id=words["user id"], interests=[words["interest"]])
        text = f"harbour strike {words['query']} {query}"
        filter_ = f'source = "{words["source"]}" OR category = "{words["filter"]}"'
        for mode in (specs_pb2.SummarySpec.BEST, specs_pb2.SummarySpec.FAST, specs_pb2.SummarySpec.NONE):
            spec = specs_pb2.SummarySpec(mode=mode)
            said += await self.reads(
                self._client.stream_search(text, filter=filter_, summary=spec, user=user, timeout_s=30)
            )
        said += await self.asks(self._client.search(text, filter=filter_, user=user, timeout_s=30))
        return said

    async def uses_everything(self, words: Canaries) -> str:
        """Makes each call of the contract at least once, well and badly."""
        client, user_id, article_id = self._client, words["user id"], words["article id"]
        said = await self.reads(client.ingest([_article(words), _rejected_article(words)]))
        said += await self.searches(words)
        said += await self.reads(client.summarize(articles=[_article(words)], query=words["summary query"]))
        said += await self.reads(client.digest(words["digest query"] + " harbour strike"))
        said += await self.reads(client.topics(filter=f'source = "{words["source"]}"'))
        said += await self.reads(client.recommend(user_id))
        said += await self.asks(client.get_article(article_id))
        said += await self.asks(client.write_user_events([_event(words), _event(words, rating=7.0)]))
        said += await self.asks(client.update_user_profile(user_id, [words["tag"]]))
        said += await self.asks(client.user_profile(user_id))
        said += await self._watches(words)
        await self._errs(words)
        await self.asks(client.delete_article(words["unknown article"]))
        await self.asks(client.purge_user(user_id))
        return said

    async def _watches(self, words: Canaries) -> str:
        self.calls += 1
        updates = self._client.watch(f"harbour {words['watch query']}", past_hits=2)
        said = ""
        async for update in updates:
            said += str(update)
            if update.WhichOneof("event") == "caught_up":
                break
        await updates.aclose()
        return said

    async def _errs(self, words: Canaries) -> None:
        """Asks for what is refused."""
        client = self._client
        await self.reads(client.stream_search("x", filter=f"source == {words['broken filter']} AND ("))
        await self.reads(client.stream_search("x", filter=f'{words["unknown field"]} = "y"'))
        await self.reads(client.stream_search(words["long query"] * 200))
        await self.asks(client.search("x", page_token=words["page token"]))
        await self.reads(client.watch("x", resume_token=words["resume token"]))
        await self.asks(client.get_article(words["bad article id"] + " with space\n"))
        await self.asks(client.user_profile(words["bad user id"] + "\x00"))
        await self.asks(client.update_user_profile("someone", [words["bad tag"] * 50]))


def _article(words: Canaries) -> article_pb2.Article:
    now = Timestamp()
    now.GetCurrentTime()
    return article_pb2.Article(
        id=words["article id"],
        headline=f"Harbour strike halts {words['headline']} ferries",
        body=(
            f"Dock workers began a strike on Monday after talks with {words['body']} broke down. "
            "The port authority said twelve ships were waiting outside the harbour. "
            "Ferries to the islands run as planned, although with fewer crossings in the evening."
        ),
        url=f"https://{words['host']}.example/{words['path']}",
        source=words["source"],
        category=words["category"],
        language="en",
        published=now,
        metadata={words["metadata key"]: words["metadata value"]},
    )


def _rejected_article(words: Canaries) -> article_pb2.Article:
    return article_pb2.Article(id=words["rejected id"] + " no id", headline=words["rejected headline"])


def _event(words: Canaries, rating: float = 0.5) -> user_event_pb2.UserEvent:
    return user_event_pb2.UserEvent(
        event_id=words["event id"] + str(rating),
        user_id=words["user id"],
        article_id=words["article id"],
        kind=user_event_pb2.UserEvent.RATE_ARTICLE,
        rating=rating,
        attribution_token=words["attribution token"] if rating > 1 else "",
    )


async def _visit_while_broken(running: RunningServer, visitor: Visitor, words: Canaries) -> None:
    """Searches while parts of the server fail with errors that repeat what they were given."""

    async def fails(*given: object, **named: object) -> object:
        raise ValueError(f"cannot do {given} {named} for {words['query']} of {words['user id']}")

    index, store = running.engines.index, running.engines.user_events
    for owner, method in (
        (index, "retrieve"),
        (index, "get"),
        (index, "stored_summaries"),
        (store, "history"),
        (store, "tags"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, method, fails)
            await visitor.searches(words, query=method)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.engines.summarizer, "summarize", _raises(words))
        await visitor.searches(words, query="written anew")


def _raises(words: Canaries) -> Callable[[object], AsyncIterable[object]]:
    async def summarize(request: object) -> AsyncIterable[object]:
        if request is not None:
            raise KeyError(f"{words['body']} {request}")
        yield request

    return summarize


async def test_nothing_that_is_said_is_told_on(
    breakable_elasticsearch: ElasticsearchServer,
    triton_server: TritonServer,
    tmp_path: Path,
    spans: RecordedSpans,
    capfd: pytest.CaptureFixture[str],
    report_figure: Callable[[str], None],
    log_restored: None,  # the last, so that it is undone before what the log is written to has gone
) -> None:
    telemetry = TelemetryConfig(log_level="debug", log_format="json", metrics_listen="127.0.0.1:0")
    configure_log(telemetry)
    config = ServerConfig(
        data_dir=tmp_path,
        listen="unix",
        index="elasticsearch",
        elasticsearch=ElasticsearchConfig(urls=(breakable_elasticsearch.url,), request_timeout_s=10.0),
        models="triton",
        # One of them is not there.
        triton=TritonConfig(endpoints=(triton_server.target, f"127.0.0.1:{free_port()}")),
        telemetry=telemetry,
    )
    words = Canaries()
    async with running_server(config) as running, GistwireClient(running.target) as client:
        visitor, neighbour = Visitor(client), Visitor(client)
        with trace.get_tracer("gistwire").start_as_current_span("visit"):
            said = await visitor.uses_everything(words)
            await _visit_while_broken(running, visitor, words)
        refused = len(visitor.errors)
        breakable_elasticsearch.kill()
        for _ in range(2):
            await visitor.searches(words)
            await neighbour.searches(Canaries())
        assert running.metrics_url is not None
        metrics = await asyncio.to_thread(_read, running.metrics_url)
    log = capfd.readouterr().err
    traces = "".join(span.to_json() for span in spans.ended)

    # They were there to be told: articles were found, errors of all kinds met, and all of it logged and traced.
    assert {"headline", "body", "source", "article id", "category", "tag"} <= set(words.found_in(said))
    assert refused >= 8
    assert len(visitor.errors) > refused
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {line["rpc"] for line in lines if line["event"] == "call"} == RPCS
    assert {line["level"] for line in lines} >= {"debug", "info", "warning", "error"}
    assert {line["event"] for line in lines} >= {"call_failed", "summary_failed", "library"}
    assert {span.name for span in spans.ended} >= {f"gistwire {rpc}" for rpc in RPCS}
    internal = [str(error) for error in visitor.errors if isinstance(error, CallFailedError)]
    assert internal

    places = {
        "the log": log,
        "the traces": traces,
        "the metrics": metrics,
        "Elasticsearch's log": breakable_elasticsearch.log(),
        "Triton's log": triton_server.log(),
        "errors of others": "".join(str(error) for error in neighbour.errors),
        "errors of the server's own": "".join(internal),
    }
    found = {place: words.found_in(text) for place, text in places.items()}
    report_figure(
        f"fault 19: {len(words.words)} canaries in {visitor.calls} calls over all {len(RPCS)} rpcs, with "
        f"{len(visitor.errors)} errors: {sum(map(len, found.values()))} found in {len(lines)} lines of log at DEBUG, "
        f"{len(spans.ended)} spans, {metrics.count(chr(10))} lines of metrics, the logs of both backends, and "
        f"{len(neighbour.errors) + len(internal)} errors"
    )
    assert found == {place: [] for place in places}


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())
