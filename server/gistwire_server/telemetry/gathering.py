"""What a server counts: `gather_metrics` for a server whose metrics are read, `no_metrics` for one whose are not."""

from typing import TYPE_CHECKING, cast

from gistwire_server.config import ServerConfig
from gistwire_server.engines import Engines

if TYPE_CHECKING:
    from gistwire_server.telemetry.admission import AdmissionState
    from gistwire_server.telemetry.metrics import ServerMetrics


def gather_metrics(config: ServerConfig, engines: Engines, admission: "AdmissionState") -> "ServerMetrics":
    """Returns the metrics of a server, with gauges of all that it runs on."""
    # A server whose metrics nobody reads does without the imports.
    from gistwire_server.telemetry.admission import add_admission_gauges  # noqa: PLC0415
    from gistwire_server.telemetry.backends import add_backend_gauges  # noqa: PLC0415
    from gistwire_server.telemetry.certificates import add_certificate_gauge  # noqa: PLC0415
    from gistwire_server.telemetry.metrics import ServerMetrics  # noqa: PLC0415

    metrics = ServerMetrics()
    add_backend_gauges(metrics.gauges, engines)
    add_admission_gauges(metrics.gauges, admission, queue_limit=config.limits.waiting_searches)
    if config.security.tls is not None:
        add_certificate_gauge(metrics.gauges, config.security.tls.certificate_file)
    return metrics


def no_metrics() -> "ServerMetrics":
    """Returns what is counted on as metrics are, and keeps nothing."""
    return cast("ServerMetrics", _NoMetrics())


class _NoMetrics:
    def __getattr__(self, name: str) -> "_NoMetric":
        return _NO_METRIC

    def stage_ended(self, *_: object) -> None: ...


class _NoMetric:
    def labels(self, *_: str, **__: str) -> "_NoMetric":
        return self

    def inc(self) -> None: ...

    def dec(self) -> None: ...

    def observe(self, _: float) -> None: ...


_NO_METRIC = _NoMetric()
