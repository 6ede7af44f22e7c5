"""The metrics of a server: `ServerMetrics`, which Prometheus reads by way of metrics_endpoint.py.

Every label has few values: rpcs, statuses, reasons and stages are the contract's, tenants and addresses the
configuration's. No label is a caller's name, an identifier or a text.
"""

import platform
from importlib.metadata import version

import grpc
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from gistwire_server.budget import Step
from gistwire_server.telemetry.gauges import Gauges

_RPC_SECONDS = (
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.075,
    0.1,
    0.15,
    0.25,
    0.4,
    0.6,
    1.0,
    1.5,
    2.5,
    4.0,
    6.0,
    10.0,
    30.0,
    60.0,
)
_FIRST_SECONDS = (
    0.005,
    0.01,
    0.015,
    0.02,
    0.03,
    0.04,
    0.05,
    0.075,
    0.1,
    0.15,
    0.2,
    0.3,
    0.5,
    0.75,
    1.0,
    2.0,
    4.0,
    10.0,
)
"""Dense from 10 to 50 ms, where the targets are."""
_STAGE_SECONDS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.075,
    0.1,
    0.15,
    0.25,
    0.5,
    1.0,
    2.0,
    4.0,
    10.0,
)
_LAG_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class ServerMetrics:
    """The metrics of one server, in a registry of its own.

    Attributes:
        registry: what is exposed.
        gauges: values that are read when Prometheus asks; parts of the server add theirs.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=True)
        self.gauges = Gauges(registry)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        build = Info("gistwire_build", "What runs.", registry=registry)
        build.info(
            {"version": version("gistwire"), "grpc": grpc.__version__, "python": platform.python_version()}
        )
        self.calls = Counter(
            "gistwire_rpcs", "Calls that ended, by status.", ("rpc", "code"), registry=registry
        )
        self.calls_under_way = Gauge(
            "gistwire_rpcs_in_flight", "Calls under way.", ("rpc",), registry=registry
        )
        self.call_seconds = Histogram(
            "gistwire_rpc_duration_seconds",
            "Time of calls from their arrival to their end, whatever that was.",
            ("rpc",),
            buckets=_RPC_SECONDS,
            registry=registry,
        )
        self.errors = Counter(
            "gistwire_errors",
            "Calls that ended in an error, by the reason that their ErrorInfo gives.",
            ("rpc", "reason"),
            registry=registry,
        )
        self.tenant_calls = Counter(
            "gistwire_tenant_rpcs", "Calls that were admitted, by tenant.", ("tenant",), registry=registry
        )
        self.first_hit_seconds = Histogram(
            "gistwire_time_to_first_hit_seconds",
            "Time from the arrival of a call to its hits, or its first topic.",
            ("rpc",),
            buckets=_FIRST_SECONDS,
            registry=registry,
        )
        self.first_text_seconds = Histogram(
            "gistwire_time_to_first_text_seconds",
            "Time from the arrival of a call to the first piece of a draft, summary or digest sentence.",
            ("rpc",),
            buckets=_FIRST_SECONDS,
            registry=registry,
        )
        self.without_hits = Counter(
            "gistwire_answers_without_hits", "Calls that found nothing.", ("rpc",), registry=registry
        )
        self.told_again = Counter(
            "gistwire_answers_told_again",
            "Calls whose answer was kept from one before.",
            ("rpc",),
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "gistwire_stage_duration_seconds",
            "Time of each pass through a stage, of those of a hit as well as of those of a call.",
            ("stage",),
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self.stage_failures = Counter(
            "gistwire_stage_failures", "Passes through a stage that failed.", ("stage",), registry=registry
        )
        self.summaries = Counter(
            "gistwire_summaries",
            "Summaries that were sent, by where their text is from, and whether it was stored already.",
            ("origin", "stored"),
            registry=registry,
        )
        self.failed_summaries = Counter(
            "gistwire_summary_failures", "Hits without a summary, by status.", ("code",), registry=registry
        )
        self.degraded = Counter(
            "gistwire_degraded",
            "Times that an answer was less than what was asked for.",
            ("stage", "reason", "action"),
            registry=registry,
        )
        self.acknowledged = Counter(
            "gistwire_ingested", "Ingest operations, by outcome.", ("outcome",), registry=registry
        )
        self.loop_lag_seconds = Histogram(
            "gistwire_event_loop_lag_seconds",
            "How late the event loop wakes a task that sleeps.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )

    def stage_ended(self, step: Step, seconds: float, succeeded: bool) -> None:
        """Takes a pass through a stage into account."""
        self.stage_seconds.labels(step.value).observe(seconds)
        if not succeeded:
            self.stage_failures.labels(step.value).inc()
