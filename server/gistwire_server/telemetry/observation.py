"""What is observed of each call: `CallObserver`, of which `Calls` opens one `CallObservation` for each."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from gistwire.v1 import article_pb2, events_pb2, summary_pb2, topic_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from gistwire_server.errors import status_of

if TYPE_CHECKING:
    from gistwire_server.telemetry.metrics import ServerMetrics

_FIRST_HITS = (events_pb2.Hits, topic_pb2.Topic)
_FIRST_TEXTS = (
    events_pb2.SummaryDelta,
    events_pb2.Summary,
    summary_pb2.DigestSentence,
    topic_pb2.TopicDigest,
)
_SERVER_FAULTS = {
    code_pb2.UNKNOWN,
    code_pb2.DEADLINE_EXCEEDED,
    code_pb2.UNIMPLEMENTED,
    code_pb2.INTERNAL,
    code_pb2.UNAVAILABLE,
    code_pb2.DATA_LOSS,
}
"""Statuses that mark a server's span as failed, as OpenTelemetry's conventions for gRPC have it."""

_log = structlog.get_logger(__name__)


class CallObservation:
    """A call that is under way.

    Args:
        rpc: its name.
        metrics: where its figures go.
    """

    def __init__(self, rpc: str, metrics: "ServerMetrics") -> None:
        self._rpc = rpc
        self._metrics = metrics
        self._began = time.monotonic()
        self._has_hits = False
        self._has_text = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since the call arrived."""
        return time.monotonic() - self._began

    def is_of(self, tenant: str) -> None:
        """Takes note of whose articles it is about."""
        self._metrics.tenant_calls.labels(tenant).inc()
        trace.get_current_span().set_attribute("gistwire.tenant", tenant)

    def tells_again(self) -> None:
        """Takes note that its answer is one that was kept."""
        self._metrics.told_again.labels(self._rpc).inc()
        trace.get_current_span().set_attribute("gistwire.told_again", True)

    def sends(self, event: Message) -> None:
        """Takes note of an event that it sends, or gathers for its answer."""
        if not self._has_hits and isinstance(event, _FIRST_HITS):
            self._has_hits = True
            self._metrics.first_hit_seconds.labels(self._rpc).observe(self.elapsed_s)
            trace.get_current_span().add_event("hits")
            if isinstance(event, events_pb2.Hits) and not event.hits:
                self._metrics.without_hits.labels(self._rpc).inc()
        elif not self._has_text and isinstance(event, _FIRST_TEXTS):
            self._has_text = True
            self._metrics.first_text_seconds.labels(self._rpc).observe(self.elapsed_s)
            trace.get_current_span().add_event("text")
        match event:
            case events_pb2.Summary():
                origin = events_pb2.Summary.Origin.Name(event.origin).lower()
                self._metrics.summaries.labels(origin, str(event.stored).lower()).inc()
            case events_pb2.HitFailed():
                self._metrics.failed_summaries.labels(code_pb2.Code.Name(event.status.code)).inc()
            case events_pb2.Degraded():
                self._degraded(event)
            case article_pb2.StreamIngestResponse() if event.HasField("acknowledgement"):
                outcome = article_pb2.IngestAcknowledgement.Outcome.Name(event.acknowledgement.outcome)
                self._metrics.acknowledged.labels(outcome.lower()).inc()

    def _degraded(self, event: events_pb2.Degraded) -> None:
        labels = {
            "stage": events_pb2.StageTime.Stage.Name(event.stage).lower(),
            "reason": events_pb2.Degraded.Reason.Name(event.reason).lower(),
            "action": events_pb2.Degraded.Action.Name(event.action).lower(),
        }
        self._metrics.degraded.labels(**labels).inc()
        trace.get_current_span().add_event("degraded", labels)


class CallObserver:
    """Observes the calls of a server."""

    def __init__(self, metrics: "ServerMetrics") -> None:
        self._metrics = metrics

    @asynccontextmanager
    async def observe(self, rpc: str) -> AsyncIterator[CallObservation]:
        """Observes a call while the block runs: its figures, its status in its span, and a line in the log."""
        observation = CallObservation(rpc, self._metrics)
        metrics, current = self._metrics, trace.get_current_span()
        metrics.calls_under_way.labels(rpc).inc()
        code, outcome = "OK", "ok"
        try:
            yield observation
        except (asyncio.CancelledError, GeneratorExit):
            code, outcome = "CANCELLED", "cancelled"
            raise
        except Exception as error:
            status = status_of(error)
            code, outcome = code_pb2.Code.Name(status.code), type(error).__name__
            metrics.errors.labels(rpc, _reason_of(status)).inc()
            current.set_attribute("error.type", outcome)
            if status.code in _SERVER_FAULTS:
                current.set_status(StatusCode.ERROR)
            raise
        finally:
            metrics.calls_under_way.labels(rpc).dec()
            metrics.calls.labels(rpc, code).inc()
            metrics.call_seconds.labels(rpc).observe(observation.elapsed_s)
            current.set_attribute("rpc.grpc.status_code", code_pb2.Code.Value(code))
            _log.info("call", outcome=outcome, code=code, duration_ms=round(observation.elapsed_s * 1_000, 1))


def _reason_of(status: status_pb2.Status) -> str:
    """The reason in a status's ErrorInfo; empty if it has none."""
    info = error_details_pb2.ErrorInfo()
    return next((info.reason for detail in status.details if detail.Unpack(info)), "")
