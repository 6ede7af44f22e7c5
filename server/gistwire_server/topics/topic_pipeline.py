"""From a time window to its topics with their digests, as one generator of events; services/topics.py writes them.

`started` is first; then the topics, best first; then their digests, as they are ready; `completed` is last.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import structlog
from gistwire.v1 import events_pb2, summary_pb2, topic_pb2
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_models.encoder import ModelVersion

from gistwire_server.budget import Budget, Step
from gistwire_server.digests.composition import MODEL, compose_events
from gistwire_server.engines import Engines
from gistwire_server.plan import overload_degradations
from gistwire_server.policy.shown_messages import show_topic
from gistwire_server.tally import Tally
from gistwire_server.topics.plan import TopicsPlan
from gistwire_server.topics.topic_messages import DescribedTopic, classifier_for, describe_topics
from gistwire_server.topics.windows import StoryWindows

TopicEvent = (
    events_pb2.Started | topic_pb2.Topic | topic_pb2.TopicDigest | events_pb2.Degraded | events_pb2.Completed
)

_DIGEST_SENTENCES = 3
_DIGEST_ARTICLES = 10
_DIGESTS_AT_ONCE = 2

_log = structlog.get_logger(__name__)


async def topic_events(
    plan: TopicsPlan, engines: Engines, windows: StoryWindows, *, request_id: str
) -> AsyncGenerator[TopicEvent, None]:
    """Carries out a StreamTopics.

    Args:
        plan: what to do.
        engines: what to do it with.
        windows: the windows that the server keeps.
        request_id: identifier of the call.

    Raises:
        IndexUnavailableError: the index does not answer.
        TimeoutError: time ran out before there were topics.

    Closing the generator stops all that is under way and waits for its end.
    """
    budget = Budget(plan.deadline_s, engines.costs)
    tally = Tally()
    classifier = classifier_for(engines.encoder.model)
    yield _started(plan, engines, request_id, classifier.model if classifier else None)
    for given_up in overload_degradations(plan.given_up, events_pb2.StageTime.DIGEST):
        tally.degraded += 1
        yield given_up

    with budget.spend(Step.CLUSTER):
        async with asyncio.timeout(budget.remaining_s()):
            window = await windows.read(plan, engines)
            topics = await asyncio.to_thread(describe_topics, window, plan.max_topics, classifier)
    if window.is_truncated:
        tally.degraded += 1
        yield events_pb2.Degraded(
            stage=events_pb2.StageTime.CLUSTER,
            reason=events_pb2.Degraded.TOO_MANY_ARTICLES,
            action=events_pb2.Degraded.NEWEST_ARTICLES,
        )
    tally.first_hit_s = budget.elapsed_s()
    for topic in topics:
        yield await show_topic(topic.message, engines.policy)

    if plan.digests and topics:
        async with aclosing(_digests(topics, engines, budget)) as events:
            async for event in events:
                tally.degraded += isinstance(event, events_pb2.Degraded)
                if isinstance(event, topic_pb2.TopicDigest) and tally.first_summary_s is None:
                    tally.first_summary_s = budget.elapsed_s()
                yield event
    yield tally.completed(budget, hit_count=len(topics))


def _started(
    plan: TopicsPlan, engines: Engines, request_id: str, classifier: ModelVersion | None
) -> events_pb2.Started:
    models = {"encoder": engines.encoder.model, "classifier": classifier}
    if plan.digests:
        models["digest"] = MODEL
    return events_pb2.Started(
        request_id=request_id,
        plan=plan.to_proto(),
        models=[
            events_pb2.ModelVersion(role=role, name=model.name, version=model.version)
            for role, model in models.items()
            if model is not None
        ],
    )


_DigestEvent = topic_pb2.TopicDigest | events_pb2.Degraded


async def _digests(
    topics: Sequence[DescribedTopic], engines: Engines, budget: Budget
) -> AsyncGenerator[_DigestEvent, None]:
    """Yields digests as they are ready, those of the first topics first where that can be; each loss once."""
    ready: asyncio.Queue[_DigestEvent | None] = asyncio.Queue()
    work = asyncio.create_task(_write_digests(topics, engines, budget, ready))
    told: set[tuple[int, int]] = set()
    try:
        while (event := await ready.get()) is not None:
            if isinstance(event, events_pb2.Degraded):
                if (event.reason, event.action) in told:
                    continue
                told.add((event.reason, event.action))
            yield event
        # Errors in this module itself come out here.
        await work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _write_digests(
    topics: Sequence[DescribedTopic],
    engines: Engines,
    budget: Budget,
    ready: asyncio.Queue[_DigestEvent | None],
) -> None:
    waiting = iter(topics)

    async def write() -> None:
        for topic in waiting:
            for event in await _digest(topic, engines, budget):
                ready.put_nowait(event)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_DIGESTS_AT_ONCE):
                tasks.create_task(write())
    finally:
        ready.put_nowait(None)


async def _digest(topic: DescribedTopic, engines: Engines, budget: Budget) -> list[_DigestEvent]:
    """The digest of a topic, and what was lost on the way; where time or index fail, the topic has none."""
    if not budget.affords(Step.DIGEST):
        return [_no_digest(events_pb2.Degraded.DEADLINE)]
    events: list[_DigestEvent] = []
    try:
        async with asyncio.timeout(budget.remaining_s()):
            found = await engines.index.get(topic.article_ids[:_DIGEST_ARTICLES])
            articles = [each for each in found if each is not None]
            composing = compose_events(engines, articles, budget=budget, max_sentences=_DIGEST_SENTENCES)
            async with aclosing(composing) as composed:
                async for event in composed:
                    if isinstance(event, events_pb2.Degraded):
                        events.append(event)
                    elif isinstance(event, summary_pb2.Digest) and event.sentences:
                        topic_id = topic.message.topic_id
                        events.append(topic_pb2.TopicDigest(topic_id=topic_id, digest=event))
    except TimeoutError:
        events.append(_no_digest(events_pb2.Degraded.DEADLINE))
    except IndexUnavailableError:
        _log.warning("topic_digest_failed", exc_info=True)
        events.append(_no_digest(events_pb2.Degraded.BACKEND_DOWN))
    return events


def _no_digest(reason: events_pb2.Degraded.Reason.ValueType) -> events_pb2.Degraded:
    return events_pb2.Degraded(
        stage=events_pb2.StageTime.DIGEST, reason=reason, action=events_pb2.Degraded.NO_DIGEST
    )
