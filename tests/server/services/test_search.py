import asyncio
from collections.abc import Awaitable, Callable

import grpc
import pytest
from gistwire.v1 import events_pb2, search_pb2, search_pb2_grpc
from gistwire_models.scripted import SummaryScript
from google.rpc import error_details_pb2, status_pb2

from tests.server.conftest import ARTICLES
from tests.server.services.conftest import Service

Request = search_pb2.StreamSearchRequest


def stub(service: Service) -> "search_pb2_grpc.SearchServiceAsyncStub":
    return search_pb2_grpc.SearchServiceStub(service.channel)


async def stream(service: Service, request: search_pb2.StreamSearchRequest) -> list[str]:
    return [str(event.WhichOneof("event")) async for event in stub(service).StreamSearch(request)]


class Refusal:
    """A refused call, with its details unpacked."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.info = error_details_pb2.ErrorInfo()
        self.fields: list[str] = []
        self.retry_after_s = 0.0
        metadata = dict(error.trailing_metadata() or ())
        packed = metadata.get("grpc-status-details-bin", b"")
        assert isinstance(packed, bytes)
        for each in status_pb2.Status.FromString(packed).details:
            bad_request, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
            if each.Unpack(bad_request):
                self.fields += [violation.field for violation in bad_request.field_violations]
            elif each.Unpack(retry):
                self.retry_after_s = retry.retry_delay.ToMilliseconds() / 1_000
            else:
                each.Unpack(self.info)


async def refused(call: Awaitable[object]) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Refusal(caught.value)


async def test_events_are_numbered_and_end_in_completed(service: Service) -> None:
    events = [event async for event in stub(service).StreamSearch(Request(query="harbour strike", top_k=3))]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[:2] == ["started", "hits"]
    assert kinds[-2:] == ["ranking", "completed"]
    assert kinds.count("summary") == 3


async def test_a_bad_request_names_its_fields_and_calls_no_backend(service: Service) -> None:
    refusal = await refused(stream(service, Request(query="x" * 10_000, top_k=-1)))
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == ["query", "top_k"]
    assert (refusal.info.reason, refusal.info.domain) == ("INVALID_FIELD", "gistwire")
    assert service.bench.encoder.encoded == []


async def test_a_message_beyond_the_limit_is_refused(service: Service) -> None:
    refusal = await refused(stream(service, Request(query="x" * 70_000)))
    assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert service.bench.encoder.encoded == []


async def test_the_search_beyond_those_that_may_wait_is_refused(
    service: Service, scripts: Callable[..., None]
) -> None:
    gate = asyncio.Event()
    scripts(**{article.id: SummaryScript(deltas=["x"], gate=gate) for article in ARTICLES})
    # Two work, one waits: of four, one cannot enter.
    calls = {asyncio.create_task(stream(service, Request(query="harbour"))) for _ in range(4)}
    (first,), others = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    refusal = await refused(first)
    assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.info.reason == "OVERLOADED"
    assert refusal.retry_after_s > 0
    gate.set()
    for each in others:
        assert (await each)[-1] == "completed"


async def test_a_client_that_leaves_stops_the_work(service: Service, scripts: Callable[..., None]) -> None:
    scripts(**{article.id: SummaryScript(deltas=["x"], gate=asyncio.Event()) for article in ARTICLES})
    call = stub(service).StreamSearch(Request(query="harbour strike", top_k=5))
    async for event in call:
        if event.WhichOneof("event") == "hits":
            break
    summarizer = service.bench.summarizer
    while len(summarizer.requests) < 5:
        await asyncio.sleep(0)
    call.cancel()
    async with asyncio.timeout(1):
        while len(summarizer.cancelled) < 5:
            await asyncio.sleep(0)


async def test_a_deadline_is_planned_for(service: Service, scripts: Callable[..., None]) -> None:
    scripts(**{article.id: SummaryScript(deltas=["x"], gate=asyncio.Event()) for article in ARTICLES})
    call = stub(service).StreamSearch(Request(query="harbour strike"), timeout=1.0)
    events = [event async for event in call]
    assert events[-1].WhichOneof("event") == "completed"
    reasons = {event.degraded.reason for event in events if event.HasField("degraded")}
    assert reasons == {events_pb2.Degraded.DEADLINE}


async def test_pages_neither_repeat_nor_skip(service: Service) -> None:
    request = search_pb2.SearchRequest(query="harbour strike", page_size=3)
    seen: list[str] = []
    while True:
        response = await stub(service).Search(request)
        seen += [result.hit.article.id for result in response.results]
        assert response.total == len(ARTICLES)
        assert all(result.summary.text for result in response.results)
        assert [result.ranking.rank for result in response.results] == list(
            range(1, len(response.results) + 1)
        )
        if not response.next_page_token:
            break
        request.page_token = response.next_page_token
    assert sorted(seen) == sorted(article.id for article in ARTICLES)


async def test_a_stream_is_continued_by_pages(service: Service) -> None:
    call = stub(service).StreamSearch(Request(query="harbour strike", top_k=3))
    events = [event async for event in call]
    found = next(event.hits for event in events if event.HasField("hits"))
    response = await stub(service).Search(
        search_pb2.SearchRequest(query="harbour strike", page_size=100, page_token=found.result_token)
    )
    shown = {hit.article.id for hit in found.hits} | {result.hit.article.id for result in response.results}
    assert shown == {article.id for article in ARTICLES}
    assert len(response.results) == len(ARTICLES) - 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"query": "other"}, "PAGE_TOKEN_MISMATCH"), ({"page_token": "abc"}, "PAGE_TOKEN_INVALID")],
)
async def test_a_page_token_is_refused_with_its_reason(
    service: Service, changes: dict[str, str], reason: str
) -> None:
    first = await stub(service).Search(search_pb2.SearchRequest(query="harbour", page_size=2))
    arguments = {"query": "harbour", "page_token": first.next_page_token, **changes}
    refusal = await refused(stub(service).Search(search_pb2.SearchRequest(**arguments)))  # type: ignore[arg-type]
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.info.reason == reason


async def test_an_index_that_does_not_answer_is_unavailable(service: Service) -> None:
    await service.bench.index.close()
    refusal = await refused(stream(service, Request(query="harbour")))
    assert refusal.code == grpc.StatusCode.UNAVAILABLE
    assert refusal.info.reason == "INDEX_UNAVAILABLE"
