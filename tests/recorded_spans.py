"""What Gistwire traces while a test runs: `RecordedSpans`, by way of the fixture `spans`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gistwire_server.telemetry.trace_export import OwnSpansProvider
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState
from opentelemetry.util.types import Attributes


class RecordedSpans(SpanProcessor):
    """Spans that ended while it recorded.

    OpenTelemetry lets a process set one provider of tracers: it is set with the first test that records, and records
    nothing between such tests.
    """

    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []
        self.is_recording = False
        provider = OwnSpansProvider(sampler=_WhileRecording(self), shutdown_on_exit=False)
        provider.add_span_processor(self)
        trace.set_tracer_provider(provider)

    def on_end(self, span: ReadableSpan) -> None:
        """Keeps a span."""
        if self.is_recording:
            self.ended.append(span)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Records while the block runs, from nothing."""
        self.ended.clear()
        self.is_recording = True
        try:
            yield
        finally:
            self.is_recording = False

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of a name, in the order of their ends."""
        return [span for span in self.ended if span.name == name]

    def only(self, name: str) -> ReadableSpan:
        """The one span of a name."""
        (span,) = self.named(name)
        return span


class _WhileRecording(Sampler):
    def __init__(self, recorded: RecordedSpans) -> None:
        self._recorded = recorded

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        sampler = DEFAULT_ON if self._recorded.is_recording else ALWAYS_OFF
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        return "while a test records"


def context_of(span: ReadableSpan) -> SpanContext:
    """The identity of a span, which each that ended has."""
    context: SpanContext | None = span.get_span_context()
    assert context is not None
    return context


def parent_of(span: ReadableSpan, among: Sequence[ReadableSpan]) -> ReadableSpan | None:
    """The span that another is directly below of; None if it is not among these."""
    if span.parent is None:
        return None
    return next((each for each in among if context_of(each).span_id == span.parent.span_id), None)


_recorded: list[RecordedSpans] = []


def recorded_spans() -> RecordedSpans:
    """The recorder of this process."""
    if not _recorded:
        _recorded.append(RecordedSpans())
    return _recorded[0]
