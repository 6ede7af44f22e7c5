"""Fault 8: mutated messages over every rpc: a clear status each, and a server that goes on as if nothing had been."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import grpc
from gistwire.v1 import (
    article_pb2,
    recommendation_pb2,
    search_pb2,
    specs_pb2,
    summary_pb2,
    topic_pb2,
    user_event_pb2,
)
from gistwire_client.client import GistwireClient
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from tests.backends.elasticsearch import ElasticsearchServer
from tests.faults.conftest import LONG
from tests.faults.mutation import Mutator
from tests.faults.watched_server import watched_server

_SEED = 8
_MESSAGES = 100_000 if LONG else 4_000
_CALLS_AT_ONCE = 16
_CALL_S = 10.0
_MAX_RESPONSES = 3
"""Of a stream that goes on: a watch never ends by itself."""
_CUT_OFF = "Internal error from Core"
_FORBIDDEN = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE)

_MODULES = (search_pb2, summary_pb2, recommendation_pb2, topic_pb2, article_pb2, user_event_pb2)
_ARTICLES = [
    article_pb2.Article(
        id=f"a{number}",
        headline=f"Harbour strike halts ships at pier {number}",
        body="Dock workers began a strike on Monday. Ships wait outside.",
        source="Wire",
        language="en",
        metadata={"desk": "city"},
    )
    for number in range(5)
]
_STORED = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.STORED)
_RETRIEVAL = specs_pb2.RetrievalSpec(depth=10)
_USER = specs_pb2.UserContext(user_id="u1", interests=["ships"])
_CLICK = user_event_pb2.UserEvent.CLICK
_GOOD: tuple[Message, ...] = (
    search_pb2.SearchRequest(query="harbour", page_size=3, summary=_STORED),
    search_pb2.SearchRequest(query="harbour strike", filter='language = "en"', retrieval=_RETRIEVAL),
    search_pb2.StreamSearchRequest(query="harbour", top_k=3, summary=_STORED),
    search_pb2.StreamSearchRequest(query="harbour", top_k=2, user=_USER),
    search_pb2.WatchRequest(query="harbour", past_hits=1, min_similarity=0.5),
    summary_pb2.StreamSummarizeRequest(article_ids=["a1", "a2"]),
    summary_pb2.StreamSummarizeRequest(articles=_ARTICLES[:1], query="harbour"),
    summary_pb2.StreamDigestRequest(article_ids=summary_pb2.ArticleIds(ids=["a1", "a2"])),
    summary_pb2.StreamDigestRequest(query="harbour", max_sentences=3),
    recommendation_pb2.StreamRecommendRequest(user_id="u1", top_k=3, exploration=0.2),
    topic_pb2.StreamTopicsRequest(filter='source = "Wire"', max_topics=3, window=Duration(seconds=86_400)),
    article_pb2.GetArticleRequest(id="a1"),
    article_pb2.DeleteArticleRequest(id="a3", allow_missing=True),
    article_pb2.StreamIngestRequest(sequence=1, upsert=_ARTICLES[4]),
    article_pb2.StreamIngestRequest(sequence=2, delete_id="a4"),
    article_pb2.StreamIngestRequest(
        options=article_pb2.IngestOptions(visibility=article_pb2.IngestOptions.EVENTUAL)
    ),
    user_event_pb2.WriteUserEventsRequest(
        events=[user_event_pb2.UserEvent(event_id="e1", user_id="u1", article_id="a1", kind=_CLICK)]
    ),
    user_event_pb2.GetUserProfileRequest(user_id="u1"),
    user_event_pb2.UpdateUserProfileRequest(user_id="u1", tags=["ships"]),
    user_event_pb2.PurgeUserRequest(user_id="u2"),
)


@dataclass(frozen=True, slots=True)
class Rpc:
    """An rpc, and good messages for it."""

    method: MethodDescriptor
    messages: Sequence[Message]

    @property
    def path(self) -> str:
        return f"/{self.method.containing_service.full_name}/{self.method.name}"


def _rpcs() -> list[Rpc]:
    methods = [
        method
        for module in _MODULES
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]
    return [
        Rpc(method, [each for each in _GOOD if each.DESCRIPTOR is method.input_type]) for method in methods
    ]


async def test_no_message_crashes_the_server_or_is_answered_by_an_unknown_error(
    elasticsearch_server: ElasticsearchServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    rpcs = _rpcs()
    assert all(rpc.messages for rpc in rpcs)
    mutator = Mutator(_SEED)
    codes: Counter[tuple[str, grpc.StatusCode]] = Counter()
    bad: list[str] = []
    async with (
        watched_server(
            tmp_path,
            index="elasticsearch",
            elasticsearch={"urls": [elasticsearch_server.url], "prefix": f"mutated-{uuid4().hex[:8]}"},
            summarizer="extracting",
        ) as server,
        GistwireClient(server.target) as client,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        await _ingest(client)
        idle = await server.state()
        numbers = iter(range(_MESSAGES))

        async def send_some() -> None:
            for number in numbers:
                rpc = rpcs[number % len(rpcs)]
                count = mutator.few() if rpc.method.client_streaming else 1
                data = [mutator.mutated(rpc.messages) for _ in range(count)]
                code, details = await _call(channel, rpc, data)
                codes[rpc.method.name, code] += 1
                if code in _FORBIDDEN:
                    bad.append(f"{rpc.method.name}: {code.name}: {details}: {data!r}"[:500])

        begin = time.monotonic()
        async with asyncio.TaskGroup() as senders:
            for _ in range(_CALLS_AT_ONCE):
                senders.create_task(send_some())
        took_s = time.monotonic() - begin
        assert not bad, f"seed {_SEED}: " + "\n".join(bad[:20]) + server.log()
        await server.settled(tasks=idle.tasks)
        # What was there may have been deleted, by messages that happened to be good.
        await _ingest(client)
        response = await client.search(
            "harbour", page_size=100, filter='source = "Wire"', rank=specs_pb2.RankSpec(collapse=False)
        )
    assert {f"a{number}" for number in range(5)} <= {result.hit.article.id for result in response.results}
    by_code: Counter[str] = Counter()
    for (_, code), count in codes.items():
        by_code[code.name] += count
    statuses = ", ".join(f"{count:,} {name}" for name, count in by_code.most_common())
    report_figure(
        f"fault 8: {_MESSAGES:,} mutated messages over {len(rpcs)} rpcs (seed {_SEED}) in {took_s:.0f} s: "
        f"{statuses}; no crash, no UNKNOWN, no INTERNAL"
    )


async def _ingest(client: GistwireClient) -> None:
    async for _ in client.ingest(_ARTICLES):
        pass


async def _call(
    channel: grpc.aio.Channel, rpc: Rpc, data: Sequence[bytes]
) -> tuple[grpc.StatusCode, str | None]:
    """Sends bytes as they are; returns how the call ended, which is OK for a stream that still goes on."""

    async def requests() -> AsyncIterator[bytes]:
        for each in data:
            yield each

    if rpc.method.client_streaming:
        streams: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(rpc.path)
        call: grpc.aio.StreamStreamCall[bytes, bytes] | grpc.aio.UnaryStreamCall[bytes, bytes]
        call = streams(requests(), timeout=_CALL_S)
    elif rpc.method.server_streaming:
        answers: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(rpc.path)
        call = answers(data[0], timeout=_CALL_S)
    else:
        answer: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(rpc.path)
        try:
            await answer(data[0], timeout=_CALL_S)
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details()
        return grpc.StatusCode.OK, None
    try:
        responses = 0
        async for _ in call:
            responses += 1
            if rpc.method.name == "Watch" and responses == _MAX_RESPONSES:
                call.cancel()
                return grpc.StatusCode.OK, None
        return await call.code(), await call.details()
    except grpc.aio.AioRpcError as error:
        # The client's own word for a call that ended before all of its requests were sent.
        code = grpc.StatusCode.CANCELLED if error.details() == _CUT_OFF else error.code()
        return code, error.details()
