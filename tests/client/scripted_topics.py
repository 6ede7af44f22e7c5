"""A stream of topics for tests of what shows it, and a service that streams it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import grpc
from gistwire.v1 import events_pb2, summary_pb2, topic_pb2, topic_pb2_grpc

from tests.client.scripted_server import Refusal

Response = topic_pb2.StreamTopicsResponse


def topic(topic_id: str, headline: str, **fields: object) -> topic_pb2.Topic:
    values: dict[str, object] = {
        "keywords": ["harbour strike", "Ellery"],
        "category": "business",
        "article_count": 3,
        "momentum": 2.0,
        "timeline": [0, 1, 2],
        "articles": [
            events_pb2.ArticleView(id="a1", headline=headline, source="Wire"),
            events_pb2.ArticleView(id="a2", headline="Another headline", source="Dispatch"),
        ],
    }
    return topic_pb2.Topic(topic_id=topic_id, **(values | fields))  # type: ignore[arg-type]


def digest(topic_id: str, *sentences: str, disagreements: Sequence[str] = ()) -> topic_pb2.TopicDigest:
    return topic_pb2.TopicDigest(
        topic_id=topic_id,
        digest=summary_pb2.Digest(
            sentences=[summary_pb2.DigestSentence(text=text) for text in sentences],
            disagreements=[summary_pb2.Disagreement(subject=subject) for subject in disagreements],
        ),
    )


def topic_stream() -> list[topic_pb2.StreamTopicsResponse]:
    """Two topics of which one gets a digest, and digests that time does not allow."""
    degraded = events_pb2.Degraded(
        stage=events_pb2.StageTime.DIGEST,
        reason=events_pb2.Degraded.DEADLINE,
        action=events_pb2.Degraded.NO_DIGEST,
    )
    events = [
        Response(started=events_pb2.Started(request_id="r1")),
        Response(topic=topic("t1", "Harbour strike goes on")),
        Response(topic=topic("t2", "Museum opens", momentum=0.1)),
        Response(
            digest=digest("t1", "The strike goes on.", "12 ferries wait.", disagreements=["12 ferries"])
        ),
        Response(degraded=degraded),
        Response(completed=events_pb2.Completed(hit_count=2, degraded_count=1)),
    ]
    for sequence, event in enumerate(events, start=1):
        event.sequence = sequence
    return events


@dataclass
class ScriptedTopics(topic_pb2_grpc.TopicServiceServicer):
    """Streams `events`, and ends as `refusal` says."""

    events: Sequence[topic_pb2.StreamTopicsResponse] = ()
    refusal: Refusal | None = None
    requests: list[topic_pb2.StreamTopicsRequest] = field(default_factory=list)

    async def StreamTopics(  # noqa: N802
        self,
        request: topic_pb2.StreamTopicsRequest,
        context: grpc.aio.ServicerContext[topic_pb2.StreamTopicsRequest, topic_pb2.StreamTopicsResponse],
    ) -> AsyncIterator[topic_pb2.StreamTopicsResponse]:
        self.requests.append(request)
        for event in self.events:
            yield event
        if self.refusal is not None:
            await self.refusal.abort(context)
