"""Tests of traced requests to a real cluster."""

from gistwire_indexer.elasticsearch import ElasticsearchStore
from gistwire_indexer.index import RetrievalQuery
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from tests.recorded_spans import RecordedSpans, context_of, parent_of

_TRACER = trace.get_tracer("gistwire")


async def test_the_cluster_goes_on_with_the_trace(store: ElasticsearchStore, spans: RecordedSpans) -> None:
    with _TRACER.start_as_current_span("retrieve"):
        # Lists, among others, the task that lists them, with the trace that it is of.
        tasks = await store.client.perform_request("GET", "/_tasks", headers={"accept": "application/json"})
    request = spans.only("elasticsearch GET")
    headers = [task["headers"] for node in tasks.body["nodes"].values() for task in node["tasks"].values()]
    assert format(context_of(request).trace_id, "032x") in {each.get("trace.id") for each in headers}
    assert parent_of(request, spans.ended) is spans.only("retrieve")
    assert request.kind is SpanKind.CLIENT
    assert request.attributes == {
        "db.system.name": "elasticsearch",
        "db.operation.name": "GET",
        "db.response.status_code": "200",
    }


async def test_no_span_tells_what_was_searched_or_read(
    store: ElasticsearchStore, spans: RecordedSpans
) -> None:
    index = await store.tenant("default")
    spans.ended.clear()
    await index.get(["canary-document"])
    await index.retrieve(RetrievalQuery("canary query", None))
    assert {span.name for span in spans.ended} == {"elasticsearch mget", "elasticsearch msearch"}
    assert "canary" not in "".join(span.to_json() for span in spans.ended)


async def test_a_request_that_is_refused_tells_its_status(
    store: ElasticsearchStore, spans: RecordedSpans
) -> None:
    assert not await store.client.indices.exists(index="canary-none")
    request = spans.only("elasticsearch indices.exists")
    assert request.attributes is not None
    assert request.attributes["db.response.status_code"] == "404"
    assert request.status.status_code is StatusCode.UNSET
    assert "canary" not in request.to_json()
