"""Tests of gauges that are read when Prometheus asks: of backends, of admission and of certificates."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gistwire_models.encoder import TextEncoder
from gistwire_server.telemetry.admission import add_admission_gauges
from gistwire_server.telemetry.backends import add_backend_gauges
from gistwire_server.telemetry.certificates import add_certificate_gauge
from gistwire_server.telemetry.gauges import Gauges
from gistwire_server.telemetry.metrics import ServerMetrics
from prometheus_client import CollectorRegistry

from tests.server.conftest import Bench


def test_a_gauge_is_read_each_time() -> None:
    registry = CollectorRegistry()
    gauges = Gauges(registry)
    waiting = {"search": 2.0}
    gauges.add(
        "gistwire_waiting", "Waiting.", lambda: {(k,): v for k, v in waiting.items()}, labels=("queue",)
    )
    gauges.add_value("gistwire_limit", "Limit.", lambda: 64.0)
    assert registry.get_sample_value("gistwire_waiting", {"queue": "search"}) == 2
    waiting["search"] = 5.0
    assert registry.get_sample_value("gistwire_waiting", {"queue": "search"}) == 5
    assert registry.get_sample_value("gistwire_limit") == 64


def test_a_name_is_of_one_gauge() -> None:
    gauges = Gauges(CollectorRegistry())
    gauges.add_value("gistwire_limit", "Limit.", lambda: 1.0)
    with pytest.raises(ValueError, match="gistwire_limit"):
        gauges.add_value("gistwire_limit", "Limit.", lambda: 2.0)


class BreakableEncoder:
    """An encoder on two servers."""

    def __init__(self) -> None:
        self.states = {"a:8001": "closed", "b:8001": "open"}

    def endpoint_states(self) -> dict[str, str]:
        return self.states


async def test_the_breaker_of_each_server_has_one_state(bench: Bench) -> None:
    encoder = BreakableEncoder()
    engines = replace(bench.engines, encoder=cast(TextEncoder, encoder))
    metrics = ServerMetrics()
    add_backend_gauges(metrics.gauges, engines)

    def state(endpoint: str, name: str) -> float | None:
        labels = {"backend": "encoder", "endpoint": endpoint, "state": name}
        return metrics.registry.get_sample_value("gistwire_breaker_state", labels)

    assert [state("b:8001", name) for name in ("closed", "half-open", "open")] == [0, 0, 1]
    encoder.states["b:8001"] = "half-open"
    assert [state("b:8001", name) for name in ("closed", "half-open", "open")] == [0, 1, 0]
    assert state("a:8001", "closed") == 1


class Busy:
    """Admission with much to do."""

    limit, in_use, waiting = 12.5, 3.25, 7


def test_admission_shows_what_runs_and_what_waits() -> None:
    metrics = ServerMetrics()
    add_admission_gauges(metrics.gauges, Busy(), queue_limit=256)
    names = ("queue_length", "queue_limit", "admission_limit", "admission_in_use")
    values = [metrics.registry.get_sample_value(f"gistwire_{name}") for name in names]
    assert values == [7, 256, 12.5, 3.25]


def test_the_certificate_that_is_there_tells_its_end(tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    metrics = ServerMetrics()
    add_certificate_gauge(metrics.gauges, path)

    def ends() -> float | None:
        return metrics.registry.get_sample_value("gistwire_certificate_expiry_timestamp_seconds")

    assert ends() is None
    for year in (2031, 2032):
        path.write_bytes(certificate(datetime(year, 1, 1, tzinfo=UTC)))
        assert ends() == datetime(year, 1, 1, tzinfo=UTC).timestamp()


def certificate(until: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "news.example")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, datetime(2026, 1, 1, tzinfo=UTC), until
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
