import asyncio
from collections.abc import AsyncIterator, Iterable

import grpc
import pytest
from gistwire.v1 import article_pb2, article_pb2_grpc, search_pb2, search_pb2_grpc
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.index import ArticleToIndex, Visibility
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.conftest import ARTICLES
from tests.server.services.conftest import Service
from tests.server.services.test_search import refused

Ack = article_pb2.IngestAcknowledgement
Operation = article_pb2.StreamIngestRequest


def stub(service: Service) -> "article_pb2_grpc.ArticleServiceAsyncStub":
    return article_pb2_grpc.ArticleServiceStub(service.channel)


def upsert(
    sequence: int, article_id: str, headline: str = "Quay closes for repairs"
) -> article_pb2.StreamIngestRequest:
    return Operation(sequence=sequence, upsert=article_pb2.Article(id=article_id, headline=headline))


async def ingest(
    service: Service, operations: Iterable[article_pb2.StreamIngestRequest]
) -> tuple[dict[int, article_pb2.IngestAcknowledgement], article_pb2.IngestCompleted]:
    responses = [response async for response in stub(service).StreamIngest(iter(list(operations)))]
    assert responses[0].flow.window == 4
    acknowledgements = [each.acknowledgement for each in responses[1:-1]]
    by_sequence = {each.sequence: each for each in acknowledgements}
    assert len(by_sequence) == len(acknowledgements)
    assert responses[-1].HasField("completed")
    return by_sequence, responses[-1].completed


async def find(service: Service, query: str) -> list[str]:
    response = await search_pb2_grpc.SearchServiceStub(service.channel).Search(
        search_pb2.SearchRequest(query=query, page_size=20)
    )
    return [result.hit.article.id for result in response.results]


async def test_an_article_is_returned_as_it_was_indexed(service: Service) -> None:
    article = (await stub(service).GetArticle(article_pb2.GetArticleRequest(id="a1"))).article
    assert (article.headline, article.source) == (ARTICLES[1].headline, "Meridian Wire")
    assert article.revision == ARTICLES[1].revision()
    assert article.published.ToJsonString() == "2026-10-02T00:00:00Z"
    assert article.HasField("indexed")


@pytest.mark.parametrize(
    ("article_id", "code", "reason"),
    [
        ("nobody", grpc.StatusCode.NOT_FOUND, "ARTICLE_NOT_FOUND"),
        ("", grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"),
    ],
)
async def test_an_article_that_is_not_there(
    service: Service, article_id: str, code: grpc.StatusCode, reason: str
) -> None:
    for call in (
        stub(service).GetArticle(article_pb2.GetArticleRequest(id=article_id)),
        stub(service).DeleteArticle(article_pb2.DeleteArticleRequest(id=article_id)),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.info.reason) == (code, reason)


async def test_a_deleted_article_is_no_longer_found(service: Service) -> None:
    assert "a0" in await find(service, "harbour strike")
    assert (await stub(service).DeleteArticle(article_pb2.DeleteArticleRequest(id="a0"))).deleted
    assert "a0" not in await find(service, "harbour strike")
    again = article_pb2.DeleteArticleRequest(id="a0", allow_missing=True)
    assert not (await stub(service).DeleteArticle(again)).deleted


async def test_each_operation_is_acknowledged_once_with_its_outcome(service: Service) -> None:
    acknowledged, completed = await ingest(
        service,
        [
            upsert(1, "b1", "Tram line opens to the north"),
            upsert(2, "a0", "Harbour strike ends in Ellery after a week"),
            upsert(3, "b1", "Tram line opens to the north"),
            upsert(5, "b2", "  "),
            Operation(sequence=6, delete_id="a1"),
            Operation(sequence=7, delete_id="a1"),
            upsert(9, "b3", "School meals go local in Orrin"),
        ],
    )
    assert {key: each.outcome for key, each in acknowledged.items()} == {
        1: Ack.CREATED,
        2: Ack.UPDATED,
        3: Ack.UNCHANGED,
        5: Ack.REJECTED,
        6: Ack.DELETED,
        7: Ack.NOT_FOUND,
        9: Ack.CREATED,
    }
    assert "headline" in acknowledged[5].status.message
    assert (completed.created, completed.updated, completed.unchanged) == (2, 1, 1)
    assert (completed.deleted, completed.not_found, completed.rejected) == (1, 1, 1)
    assert "b1" in await find(service, "tram line")


async def test_operations_on_one_article_take_effect_in_order(service: Service) -> None:
    await ingest(
        service,
        [
            upsert(1, "c", "Tram line opens"),
            Operation(sequence=2, delete_id="c"),
            upsert(3, "c", "Tram line shut"),
        ],
    )
    article = (await stub(service).GetArticle(article_pb2.GetArticleRequest(id="c"))).article
    assert article.headline == "Tram line shut"


async def test_all_fields_arrive(service: Service) -> None:
    sent = article_pb2.Article(
        id="full",
        headline="Tram &amp; bus",
        body="<p>First.</p><p>Second.</p>",
        url="https://example.com/tram",
        source="Wire",
        language="EN-us",
        category="transport",
        published=Timestamp(seconds=1_790_000_000),
        metadata={"author": "staff"},
    )
    await ingest(service, [Operation(sequence=1, upsert=sent)])
    article = (await stub(service).GetArticle(article_pb2.GetArticleRequest(id="full"))).article
    assert (article.headline, article.language) == ("Tram & bus", "en")
    assert article.body.split("\n") == ["First.", "Second."]
    assert (article.url, article.source, article.category) == (sent.url, "Wire", "transport")
    assert (article.published, dict(article.metadata)) == (sent.published, {"author": "staff"})


@pytest.mark.parametrize(
    ("operations", "field"),
    [
        ([Operation(sequence=0, delete_id="x")], "sequence"),
        ([upsert(2, "d1"), upsert(2, "d2")], "sequence"),
        ([Operation(sequence=1)], "operation"),
        ([Operation(sequence=1, delete_id="")], "delete_id"),
    ],
)
async def test_a_malformed_operation_ends_the_stream_after_what_came_before(
    service: Service, operations: list[article_pb2.StreamIngestRequest], field: str
) -> None:
    acknowledged = []

    async def run() -> None:
        async for response in stub(service).StreamIngest(iter(operations)):
            acknowledged.extend([response.acknowledgement.sequence] * response.HasField("acknowledgement"))

    refusal = await refused(run())
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == [field]
    assert acknowledged == [each.sequence for each in operations[:-1]]


def options(visibility: int) -> article_pb2.IngestOptions:
    return article_pb2.IngestOptions(visibility=visibility)  # type: ignore[arg-type]  # unknown ones, too


@pytest.mark.parametrize("alone", [True, False])
async def test_options_come_with_the_first_operation_or_before_it(service: Service, *, alone: bool) -> None:
    eventual = options(article_pb2.IngestOptions.EVENTUAL)
    first = upsert(1, "g1")
    if not alone:
        first.options.CopyFrom(eventual)
    acknowledged, _ = await ingest(
        service, [*([Operation(options=eventual)] * alone), first, upsert(2, "g2")]
    )
    assert [acknowledged[number].outcome for number in (1, 2)] == [Ack.CREATED, Ack.CREATED]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (None, Visibility.AWAITED),
        (article_pb2.IngestOptions.VISIBILITY_UNSPECIFIED, Visibility.AWAITED),
        (article_pb2.IngestOptions.IMMEDIATE, Visibility.IMMEDIATE),
        (article_pb2.IngestOptions.AWAITED, Visibility.AWAITED),
        (article_pb2.IngestOptions.EVENTUAL, Visibility.EVENTUAL),
    ],
)
async def test_articles_are_written_as_visible_as_was_asked_for(
    service: Service, monkeypatch: pytest.MonkeyPatch, asked: int | None, given: Visibility
) -> None:
    seen = []
    write = service.bench.index.write

    async def watched(articles: list[ArticleToIndex], *, visibility: Visibility) -> object:
        seen.append(visibility)
        return await write(articles, visibility=visibility)

    monkeypatch.setattr(service.bench.index, "write", watched)
    await ingest(service, [*([] if asked is None else [Operation(options=options(asked))]), upsert(1, "g1")])
    assert seen == [given]


@pytest.mark.parametrize(
    ("operations", "field", "acknowledged"),
    [
        ([Operation(options=options(9)), upsert(1, "g1")], "options.visibility", 0),
        ([upsert(1, "g1"), Operation(options=options(1))], "options", 1),
        ([Operation(options=options(1)), Operation(options=options(1))], "options", 0),
    ],
)
async def test_options_that_make_no_sense_end_the_stream(
    service: Service, operations: list[article_pb2.StreamIngestRequest], field: str, acknowledged: int
) -> None:
    count = 0
    call = stub(service).StreamIngest(iter(operations))

    async def read() -> None:
        nonlocal count
        async for response in call:
            count += response.HasField("acknowledgement")

    refusal = await refused(read())
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == [field]
    assert count == acknowledged


async def test_the_next_batch_is_embedded_while_one_is_written(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, may_end, began = service.bench.index.write, asyncio.Event(), asyncio.Event()

    async def slow(articles: list[ArticleToIndex], *, visibility: Visibility) -> object:
        began.set()
        await may_end.wait()
        return await write(articles, visibility=visibility)

    monkeypatch.setattr(service.bench.index, "write", slow)
    call = stub(service).StreamIngest()
    responses = aiter(call)
    assert (await anext(responses)).HasField("flow")
    await call.write(upsert(1, "h1", "Tram line opens"))
    await began.wait()
    await call.write(upsert(2, "h2", "Tram line shut"))
    async with asyncio.timeout(10):
        while len(service.bench.encoder.encoded) < 2:
            await asyncio.sleep(0)
    may_end.set()
    await call.done_writing()
    rest = [response async for response in responses]
    assert [each.acknowledgement.sequence for each in rest[:-1]] == [1, 2]


async def test_what_was_carried_out_before_a_failure_is_acknowledged(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = service.bench.index.write

    async def failing(articles: list[ArticleToIndex], *, visibility: Visibility) -> object:
        if articles[0].article.id == "i2":
            raise IndexUnavailableError("gone")
        return await write(articles, visibility=visibility)

    monkeypatch.setattr(service.bench.index, "write", failing)
    call = stub(service).StreamIngest()
    responses = aiter(call)
    await anext(responses)
    await call.write(upsert(1, "i1"))
    assert (await anext(responses)).acknowledgement.sequence == 1
    await call.write(upsert(2, "i2"))
    assert (await refused(anext(responses))).code == grpc.StatusCode.UNAVAILABLE


async def test_the_sender_is_held_back_while_the_work_is_slow(service: Service) -> None:
    sent = []

    async def operations() -> AsyncIterator[article_pb2.StreamIngestRequest]:
        for sequence in range(1, 201):
            sent.append(sequence)
            # About the window of the transport in all, so that it is the server which holds back.
            yield Operation(
                sequence=sequence,
                upsert=article_pb2.Article(id=f"e{sequence}", headline="Quay", body="word " * 8_000),
            )

    service.bench.encoder.gate.clear()
    call = stub(service).StreamIngest(operations())
    acknowledged = 0
    stuck_at = -1
    while stuck_at != len(sent):
        stuck_at = len(sent)
        for _ in range(2_000):
            await asyncio.sleep(0)
    assert stuck_at < 200
    service.bench.encoder.gate.set()
    async for response in call:
        acknowledged += response.HasField("acknowledgement")
    assert acknowledged == 200


async def test_a_sender_that_leaves_leaves_nothing_running(service: Service) -> None:
    before = len(asyncio.all_tasks())
    service.bench.encoder.gate.clear()
    call = stub(service).StreamIngest()
    await call.write(upsert(1, "f1"))
    await call.read()
    call.cancel()
    service.bench.encoder.gate.set()
    async with asyncio.timeout(2):
        while len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0)


operations = st.lists(
    st.tuples(
        st.sampled_from(["upsert", "delete"]), st.sampled_from("xyz"), st.sampled_from(["Tram", "Bus", " "])
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(steps=operations)
async def test_the_index_ends_as_the_operations_say(
    service: Service, steps: list[tuple[str, str, str]]
) -> None:
    expected = {"x": None, "y": None, "z": None}
    requests = [Operation(sequence=place, delete_id=each) for place, each in enumerate("xyz", start=1)]
    for place, (kind, article_id, headline) in enumerate(steps, start=4):
        if kind == "delete":
            requests.append(Operation(sequence=place, delete_id=article_id))
            expected[article_id] = None
        else:
            requests.append(upsert(place, article_id, headline))
            if headline.strip():
                expected[article_id] = headline  # type: ignore[assignment]
    acknowledged, completed = await ingest(service, requests)
    assert sorted(acknowledged) == [request.sequence for request in requests]
    totals = (
        completed.created,
        completed.updated,
        completed.unchanged,
        completed.deleted,
        completed.not_found,
        completed.rejected,
    )
    assert sum(totals) == len(requests)
    found = await service.bench.index.get(list(expected))
    assert [each and each.article.headline for each in found] == list(expected.values())
