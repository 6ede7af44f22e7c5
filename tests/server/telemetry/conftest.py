"""A server with scripted models and metrics, a client of it, and what it exposes."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest
from gistwire_client.client import GistwireClient
from gistwire_server.app import serving
from gistwire_server.config import LimitsConfig, ServerConfig
from gistwire_server.telemetry.config import TelemetryConfig
from prometheus_client.parser import text_string_to_metric_families

from tests.server.conftest import Bench

Sample = Callable[..., float | None]


@dataclass(frozen=True, slots=True)
class Observed:
    """A running server whose metrics can be read.

    Attributes:
        bench: what it runs on.
        target: where it listens.
        client: a client of it.
        metrics_url: where its metrics are.
    """

    bench: Bench
    target: str
    client: GistwireClient
    metrics_url: str

    async def exposed(self) -> str:
        """All metrics, as Prometheus reads them."""
        return await asyncio.to_thread(_read, self.metrics_url)

    async def sample(self, name: str, **labels: str) -> float | None:
        """The value of a sample; None if there is none with these labels."""
        for family in text_string_to_metric_families(await self.exposed()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return None


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


@pytest.fixture
async def observed(bench: Bench) -> AsyncIterator[Observed]:
    """A server that serves its metrics."""
    config = ServerConfig(
        data_dir=bench.engines.config.data_dir,
        listen="unix",
        limits=LimitsConfig(concurrent_searches=2, waiting_searches=1),
        telemetry=TelemetryConfig(metrics_listen="127.0.0.1:0"),
    )
    async with (
        serving(replace(bench.engines, config=config)) as running,
        GistwireClient(running.target) as client,
    ):
        assert running.metrics_url is not None
        yield Observed(bench, running.target, client, running.metrics_url)
