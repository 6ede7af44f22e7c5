"""`TelemetryConfig`: what is logged, and where metrics and traces go."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec


class TracesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where traces go, by OTLP over gRPC. They hold no text of users or articles."""

    endpoint: Annotated[str, msgspec.Meta(pattern=r"^[^/\s]+:\d{1,5}$")] | None = None
    """``HOST:PORT`` of the collector; none for no traces."""
    ca_file: Path | None = None
    """Certificates that sign the collector's own; none for a connection in the clear, in a private network."""
    sampling_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """Share of the calls that are traced, of those whose callers have not decided it."""
    follow_callers: bool = True
    """Whether a caller that traces its call, or says that it does not, decides it for the server, too. Off where
    callers are not to be trusted with what traces cost."""


class TelemetryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is logged, and where metrics and traces go."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged. No level logs text of users or articles."""
    log_format: Literal["auto", "json", "text"] = "auto"
    """JSON lines, or lines to read; ``auto`` takes those in a terminal alone."""
    metrics_listen: str | None = None
    """``HOST:PORT`` (port 0: a free one) at which Prometheus reads ``/metrics``, over HTTP; none for no metrics."""
    metrics_public: bool = False
    """Whether `metrics_listen` may be an address that other machines reach: anybody there can read the metrics. They
    hold names of tenants and addresses of backends, and nothing of users or articles."""
    traces: TracesConfig = TracesConfig()
