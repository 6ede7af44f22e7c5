import asyncio

import grpc
import pytest
from gistwire.v1 import article_pb2, events_pb2, specs_pb2, summary_pb2, summary_pb2_grpc
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.scripted import SummaryScript
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2

from tests.server.conftest import ARTICLES
from tests.server.services.conftest import Service
from tests.server.services.test_search import refused

SummarizeRequest = summary_pb2.StreamSummarizeRequest
DigestRequest = summary_pb2.StreamDigestRequest
GIVEN = article_pb2.Article(
    id="given",
    headline="Tram line opens in Grayle",
    body="A tram line with nine stops opened in Grayle on Friday. It took six years to build.",
    language="en",
)


def stub(service: Service) -> "summary_pb2_grpc.SummaryServiceAsyncStub":
    return summary_pb2_grpc.SummaryServiceStub(service.channel)


async def summarized(
    service: Service, request: SummarizeRequest
) -> list[summary_pb2.StreamSummarizeResponse]:
    """All events, of which the rules are checked."""
    events = [event async for event in stub(service).StreamSummarize(request)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[0] == "started"
    assert kinds[-1] == "completed"
    assert kinds.count("hits") == 1
    before_hits = kinds[1 : kinds.index("hits")]
    assert set(before_hits) <= {"degraded"}
    hits = next(event.hits.hits for event in events if event.HasField("hits"))
    ended = [
        event.summary.hit_id or event.hit_failed.hit_id
        for event in events
        if event.WhichOneof("event") in ("summary", "hit_failed")
    ]
    assert sorted(ended) == sorted(hit.hit_id for hit in hits)
    for place, event in enumerate(events):
        if event.HasField("summary_delta"):
            later = events[place:]
            assert any(each.summary.hit_id == event.summary_delta.hit_id for each in later)
    completed = events[-1].completed
    assert completed.hit_count == len(hits)
    assert completed.failed_count == kinds.count("hit_failed")
    assert completed.degraded_count == kinds.count("degraded")
    return events


def summaries(events: list[summary_pb2.StreamSummarizeResponse]) -> dict[str, events_pb2.Summary]:
    return {event.summary.article_id: event.summary for event in events if event.HasField("summary")}


async def digested(service: Service, request: DigestRequest) -> list[summary_pb2.StreamDigestResponse]:
    """All events, of which the rules are checked."""
    events = [event async for event in stub(service).StreamDigest(request)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("event") for event in events if not event.HasField("degraded")]
    sentences = kinds.count("sentence")
    assert kinds == ["started", "hits", *["sentence"] * sentences, "digest", "completed"]
    hits = next(event.hits.hits for event in events if event.HasField("hits"))
    digest = next(event.digest for event in events if event.HasField("digest"))
    streamed = [event.sentence.text for event in events if event.HasField("sentence")]
    assert [sentence.text for sentence in digest.sentences] == streamed
    revisions = {hit.article.id: hit.article.revision for hit in hits}
    for sentence in digest.sentences:
        assert sentence.citations
        for citation in sentence.citations:
            assert revisions[citation.article_id] == citation.revision
    completed = events[-1].completed
    assert completed.hit_count == len(hits)
    assert completed.HasField("time_to_first_summary") == bool(sentences)
    assert events_pb2.StageTime.DIGEST in [stage.stage for stage in completed.stages]
    return events


def digest_of(events: list[summary_pb2.StreamDigestResponse]) -> summary_pb2.Digest:
    return next(event.digest for event in events if event.HasField("digest"))


def hits_of(events: list[summary_pb2.StreamDigestResponse]) -> list[str]:
    return [hit.article.id for event in events for hit in event.hits.hits]


async def test_indexed_and_given_articles_are_summarized(service: Service) -> None:
    events = await summarized(service, SummarizeRequest(article_ids=["a1", "a0"], articles=[GIVEN]))
    hits = next(event.hits for event in events if event.HasField("hits"))
    assert [hit.article.id for hit in hits.hits] == ["a1", "a0", "given"]
    assert hits.hits[0].extract.startswith("The harbour ferry began on Monday.")
    assert hits.total == 3
    assert hits.attribution_token
    assert summaries(events)["given"].text == "Summary: Tram line opens in Grayle"
    assert summaries(events)["given"].revision == hits.hits[2].article.revision
    # Nothing of it is kept.
    (kept,) = await service.bench.index.get(["given"])
    assert kept is None


async def test_summaries_are_those_of_searches(service: Service) -> None:
    first = await summarized(service, SummarizeRequest(article_ids=["a0"]))
    assert not summaries(first)["a0"].stored
    (stored,) = await service.bench.index.stored_summaries(["a0"], str(service.bench.summarizer.model))
    assert stored is not None
    fast = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.FAST)
    again = await summarized(service, SummarizeRequest(article_ids=["a0"], summary=fast))
    assert summaries(again)["a0"].stored
    assert again[-1].completed.stored_count == 1


async def test_an_article_with_the_identifier_of_another_has_its_own_summary(service: Service) -> None:
    await summarized(service, SummarizeRequest(article_ids=["a0"]))
    other = article_pb2.Article(id="a0", headline="Owl seen in Norrfell", body="An owl was seen.")
    fast = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.FAST)
    events = await summarized(service, SummarizeRequest(articles=[other], summary=fast))
    assert summaries(events)["a0"].text == "Summary: Owl seen in Norrfell"
    assert not summaries(events)["a0"].stored


async def test_a_query_focuses_the_summaries(service: Service) -> None:
    events = await summarized(service, SummarizeRequest(article_ids=["a0"], query="  strike\npay "))
    assert events[0].started.plan.query == "strike pay"
    assert service.bench.summarizer.requests[-1].query == "strike pay"
    assert summaries(events)["a0"].scores.HasField("query_similarity")
    await summarized(service, SummarizeRequest(article_ids=["a1"]))
    assert service.bench.summarizer.requests[-1].query is None


async def test_an_unknown_article_fails_alone(service: Service) -> None:
    events = await summarized(service, SummarizeRequest(article_ids=["nope", "a0"]))
    (failed,) = (event.hit_failed for event in events if event.HasField("hit_failed"))
    assert failed.article_id == "nope"
    assert failed.status.code == code_pb2.NOT_FOUND
    assert set(summaries(events)) == {"a0"}


async def test_only_unknown_articles_are_refused(service: Service) -> None:
    refusal = await refused(summarized(service, SummarizeRequest(article_ids=["nope", "nothing"])))
    assert refusal.code == grpc.StatusCode.NOT_FOUND
    assert refusal.info.reason == "ARTICLE_NOT_FOUND"
    of_digest = DigestRequest(article_ids=summary_pb2.ArticleIds(ids=["nope"]))
    refusal = await refused(digested(service, of_digest))
    assert refusal.code == grpc.StatusCode.NOT_FOUND
    refusal = await refused(digested(service, DigestRequest(topic_id="nope")))
    assert refusal.code == grpc.StatusCode.NOT_FOUND
    assert refusal.info.reason == "TOPIC_NOT_FOUND"


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (SummarizeRequest(), ["article_ids"]),
        (SummarizeRequest(article_ids=["", "x" * 129]), ["article_ids[0]", "article_ids[1]"]),
        (SummarizeRequest(article_ids=[f"a{place}" for place in range(101)]), ["article_ids"]),
        (SummarizeRequest(articles=[GIVEN] * 101), ["articles"]),
        (SummarizeRequest(article_ids=["a0"], query="x" * 1_001), ["query"]),
        (
            SummarizeRequest(article_ids=["a0"], summary=specs_pb2.SummarySpec(candidates=9)),
            ["summary.candidates"],
        ),
        (
            SummarizeRequest(
                articles=[
                    GIVEN,
                    article_pb2.Article(body="no headline"),
                    article_pb2.Article(headline="Ok", url="ftp://x"),
                    article_pb2.Article(headline="Ok", published=Timestamp(seconds=10**13)),
                ]
            ),
            ["articles[1].headline", "articles[2].url", "articles[3].published"],
        ),
    ],
)
async def test_bad_summaries_name_their_fields(
    service: Service, request_: SummarizeRequest, fields: list[str]
) -> None:
    refusal = await refused(summarized(service, request_))
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == fields
    assert service.bench.summarizer.requests == []


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (DigestRequest(), ["subject"]),
        (DigestRequest(query=" \u200b"), ["query"]),
        (DigestRequest(query="x" * 1_001), ["query"]),
        (DigestRequest(article_ids=summary_pb2.ArticleIds()), ["article_ids.ids"]),
        (DigestRequest(article_ids=summary_pb2.ArticleIds(ids=["a0", ""])), ["article_ids.ids[1]"]),
        (DigestRequest(article_ids=summary_pb2.ArticleIds(ids=["a0"] * 51)), ["article_ids.ids"]),
        (DigestRequest(topic_id=""), ["topic_id"]),
        (DigestRequest(topic_id="x" * 129), ["topic_id"]),
        (DigestRequest(query="storm", filter="source ="), ["filter"]),
        (
            DigestRequest(query="storm", max_articles=51, max_sentences=-1, filter="x" * 2_001),
            ["max_articles", "max_sentences", "filter"],
        ),
    ],
)
async def test_bad_digests_name_their_fields(
    service: Service, request_: DigestRequest, fields: list[str]
) -> None:
    refusal = await refused(digested(service, request_))
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == fields


async def test_without_an_encoder_given_articles_are_summarized_all_the_same(service: Service) -> None:
    service.bench.encoder.failure = ModelUnavailableError("down")
    events = await summarized(service, SummarizeRequest(articles=[GIVEN], query="tram"))
    degraded = [event.degraded for event in events if event.HasField("degraded")]
    assert degraded[0] == events_pb2.Degraded(
        stage=events_pb2.StageTime.ENCODE,
        reason=events_pb2.Degraded.BACKEND_DOWN,
        action=events_pb2.Degraded.UNSCORED,
    )
    assert set(summaries(events)) == {"given"}


async def test_a_digest_of_the_best_hits_of_a_query(service: Service) -> None:
    events = await digested(service, DigestRequest(query="harbour strike", max_articles=3, max_sentences=2))
    started = events[0].started
    assert started.plan.query == "harbour strike"
    assert started.plan.top_k == 3
    assert [model.role for model in started.models] == ["encoder", "digest"]
    assert hits_of(events)[0] == "a0"
    assert len(hits_of(events)) == 3
    digest = digest_of(events)
    assert 1 <= len(digest.sentences) <= 2
    assert digest.sentences[0].text == "The harbour strike began on Monday."
    assert digest.model


async def test_a_digest_of_given_articles(service: Service) -> None:
    ids = summary_pb2.ArticleIds(ids=["a3", "nope", "a1", "a3"])
    events = await digested(service, DigestRequest(article_ids=ids))
    assert hits_of(events) == ["a3", "a1"]
    texts = [sentence.text for sentence in digest_of(events).sentences]
    assert "The harbour storm began on Monday." in texts


async def test_a_digest_of_a_topic(service: Service) -> None:
    events = await digested(service, DigestRequest(topic_id="a0"))
    assert "a0" in hits_of(events)
    assert digest_of(events).sentences


@pytest.mark.parametrize(
    "subject",
    [
        {"query": "harbour"},
        {"article_ids": summary_pb2.ArticleIds(ids=[each.id for each in ARTICLES])},
    ],
)
async def test_the_filter_says_which_articles_take_part(service: Service, subject: dict[str, object]) -> None:
    request = DigestRequest(filter='source = "Harbour Dispatch"', **subject)  # type: ignore[arg-type]
    events = await digested(service, request)
    sources = {each.id: each.source for each in ARTICLES}
    assert hits_of(events)
    assert {sources[article_id] for article_id in hits_of(events)} == {"Harbour Dispatch"}
    assert events[0].started.plan.filter == 'source = "Harbour Dispatch"'


async def test_a_digest_of_nothing_is_empty(service: Service) -> None:
    events = await digested(service, DigestRequest(query="harbour", filter='source = "None"'))
    assert digest_of(events) == summary_pb2.Digest()


async def test_without_an_encoder_a_digest_is_made_by_words(service: Service) -> None:
    service.bench.encoder.failure = ModelUnavailableError("down")
    events = await digested(service, DigestRequest(query="harbour strike"))
    actions = [event.degraded.action for event in events if event.HasField("degraded")]
    assert actions == [events_pb2.Degraded.LEXICAL_ONLY, events_pb2.Degraded.UNSCORED]
    assert events[-1].completed.degraded_count == 2
    assert digest_of(events).sentences[0].text == "The harbour strike began on Monday."


async def test_a_slow_encoder_leaves_time_for_a_digest_by_words(service: Service) -> None:
    service.bench.encoder.gate.clear()
    call = stub(service).StreamDigest(DigestRequest(query="harbour strike"), timeout=2)
    events = [event async for event in call]
    reasons = {event.degraded.reason for event in events if event.HasField("degraded")}
    assert reasons == {events_pb2.Degraded.DEADLINE}
    assert digest_of(events).sentences


async def test_too_many_calls_are_refused(service: Service) -> None:
    gate = asyncio.Event()
    ids = [article.id for article in ARTICLES]
    service.bench.summarizer.scripts = {each: SummaryScript(gate=gate) for each in ids}
    request = SummarizeRequest(article_ids=ids)
    # Two at work, one waits.
    under_way = [asyncio.create_task(summarized(service, request)) for _ in range(3)]
    while len(service.bench.summarizer.requests) < 2 * len(ids):
        await asyncio.sleep(0)
    refusal = await refused(digested(service, DigestRequest(query="harbour")))
    assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.retry_after_s > 0
    gate.set()
    await asyncio.gather(*under_way)


async def test_leaving_cancels_the_work(service: Service) -> None:
    service.bench.summarizer.scripts = {"a0": SummaryScript(gate=asyncio.Event())}
    call = stub(service).StreamSummarize(SummarizeRequest(article_ids=["a0"]))
    async for event in call:
        if event.HasField("hits"):
            break
    while not service.bench.summarizer.requests:
        await asyncio.sleep(0)
    call.cancel()
    while not service.bench.summarizer.cancelled:
        await asyncio.sleep(0)
    assert service.bench.summarizer.cancelled == ["a0"]
