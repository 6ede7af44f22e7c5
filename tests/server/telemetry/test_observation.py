"""Tests of what is observed of calls, as Prometheus reads it."""

import asyncio

import pytest
from gistwire.v1 import article_pb2, specs_pb2
from gistwire_client.client import GistwireClient
from gistwire_client.errors import RequestRefusedError, UnreachableError
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.scripted import SummaryScript

from tests.server.telemetry.conftest import Observed


async def search(client: GistwireClient, query: str = "harbour strike ferry", top_k: int = 3) -> list[str]:
    return [str(event.WhichOneof("event")) async for event in client.stream_search(query, top_k=top_k)]


async def test_a_search_is_counted_with_its_status_and_timed(observed: Observed) -> None:
    await search(observed.client)
    await observed.client.search("harbour strike")
    assert await observed.sample("gistwire_rpcs_total", rpc="StreamSearch", code="OK") == 1
    assert await observed.sample("gistwire_rpcs_total", rpc="Search", code="OK") == 1
    for name in ("rpc_duration", "time_to_first_hit", "time_to_first_text"):
        assert await observed.sample(f"gistwire_{name}_seconds_count", rpc="StreamSearch") == 1
    assert await observed.sample("gistwire_rpcs_in_flight", rpc="StreamSearch") == 0
    assert await observed.sample("gistwire_tenant_rpcs_total", tenant="default") == 2


async def test_each_stage_is_timed_and_a_failure_told(observed: Observed) -> None:
    await search(observed.client)
    for stage in ("encode", "retrieve", "summarize_several", "score"):
        count = await observed.sample("gistwire_stage_duration_seconds_count", stage=stage)
        assert count == (3 if stage in ("summarize_several", "score") else 1)
    assert await observed.sample("gistwire_stage_failures_total", stage="encode") is None
    observed.bench.encoder.failure = ModelUnavailableError("down")
    await search(observed.client)
    assert await observed.sample("gistwire_stage_failures_total", stage="encode") == 1
    degraded = {"stage": "encode", "reason": "backend_down", "action": "lexical_only"}
    assert await observed.sample("gistwire_degraded_total", **degraded) == 1


async def test_stored_summaries_are_told_from_written_ones(observed: Observed) -> None:
    spec = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.FAST)
    for stored in ("false", "true"):
        _ = [event async for event in observed.client.stream_search("harbour strike", top_k=2, summary=spec)]
        counted = await observed.sample("gistwire_summaries_total", origin="extracted", stored=stored)
        assert counted == 2


async def test_answers_that_are_told_again_are_counted(observed: Observed) -> None:
    spec = specs_pb2.SummarySpec(mode=specs_pb2.SummarySpec.STORED)
    for _ in range(3):
        _ = [event async for event in observed.client.stream_search("harbour strike", top_k=2, summary=spec)]
    assert await observed.sample("gistwire_answers_told_again_total", rpc="StreamSearch") == 2
    # Another service of the same tenant, and the same search.
    await observed.client.search("harbour strike", page_size=2, summary=spec)
    assert await observed.sample("gistwire_answers_told_again_total", rpc="Search") is None
    await observed.client.search("harbour strike", page_size=2, summary=spec)
    assert await observed.sample("gistwire_answers_told_again_total", rpc="Search") == 1


async def test_a_hit_that_fails_and_an_answer_without_hits_are_counted(observed: Observed) -> None:
    observed.bench.summarizer.scripts = {
        f"a{place}": SummaryScript(failure=KeyError("x")) for place in range(8)
    }
    await search(observed.client, top_k=1)
    assert await observed.sample("gistwire_summary_failures_total", code="INTERNAL") == 1
    _ = [event async for event in observed.client.stream_search("harbour", filter='language = "fr"')]
    assert await observed.sample("gistwire_answers_without_hits_total", rpc="StreamSearch") == 1


async def test_an_error_is_counted_with_status_and_reason(observed: Observed) -> None:
    with pytest.raises(RequestRefusedError):
        await search(observed.client, top_k=-1)
    with pytest.raises(RequestRefusedError):
        await observed.client.get_article("none")
    assert await observed.sample("gistwire_rpcs_total", rpc="StreamSearch", code="INVALID_ARGUMENT") == 1
    assert await observed.sample("gistwire_errors_total", rpc="StreamSearch", reason="INVALID_FIELD") == 1
    assert await observed.sample("gistwire_errors_total", rpc="GetArticle", reason="ARTICLE_NOT_FOUND") == 1


async def test_an_index_that_was_closed_counts_as_unavailable(observed: Observed) -> None:
    await observed.bench.index.close()
    with pytest.raises(UnreachableError):
        await search(observed.client)
    assert await observed.sample("gistwire_errors_total", rpc="StreamSearch", reason="INDEX_UNAVAILABLE") == 1


async def test_a_reader_who_leaves_counts_as_cancelled(observed: Observed) -> None:
    observed.bench.summarizer.scripts = {
        f"a{place}": SummaryScript(gate=asyncio.Event()) for place in range(8)
    }
    stream = observed.client.stream_search("harbour strike ferry", top_k=3)
    async for event in stream:
        if event.WhichOneof("event") == "hits":
            assert await observed.sample("gistwire_rpcs_in_flight", rpc="StreamSearch") == 1
            break
    await stream.aclose()
    while await observed.sample("gistwire_rpcs_total", rpc="StreamSearch", code="CANCELLED") != 1:
        pass
    assert await observed.sample("gistwire_rpcs_in_flight", rpc="StreamSearch") == 0
    assert await observed.sample("gistwire_stage_failures_total", stage="summarize_several") is None


async def test_ingest_operations_are_counted_by_outcome(observed: Observed) -> None:
    article = article_pb2.Article(
        id="new", headline="Quay opens", body="The quay opened on Friday.", language="en"
    )
    _ = [event async for event in observed.client.ingest([article])]
    assert await observed.sample("gistwire_ingested_total", outcome="created") == 1
