"""Tests of the address at which Prometheus reads the metrics."""

import asyncio
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from gistwire_server.app import serving
from gistwire_server.config import ServerConfig
from gistwire_server.errors import ConfigurationError
from gistwire_server.telemetry.config import TelemetryConfig
from gistwire_server.telemetry.metrics import ServerMetrics
from gistwire_server.telemetry.metrics_endpoint import serving_metrics
from prometheus_client.parser import text_string_to_metric_families

from tests.backends.ports import free_port
from tests.server.conftest import Bench
from tests.server.telemetry.conftest import Observed


async def test_it_says_what_runs_and_how_the_process_does(observed: Observed) -> None:
    names = {family.name for family in text_string_to_metric_families(await observed.exposed())}
    assert {
        "gistwire_build_info",
        "process_resident_memory_bytes",
        "process_open_fds",
        "python_gc_collections",
    } <= names


async def test_no_label_is_of_a_caller_a_call_or_a_text(observed: Observed) -> None:
    async for _ in observed.client.stream_search("harbour strike ferry"):
        pass
    labels = {
        label
        for family in text_string_to_metric_families(await observed.exposed())
        if family.name.startswith("gistwire_")
        for sample in family.samples
        for label in sample.labels
    }
    assert labels <= {
        *("rpc", "code", "reason", "stage", "action", "origin", "stored", "outcome", "tenant", "le"),
        *("backend", "endpoint", "state", "version", "grpc", "python"),
        *("queue", "level", "kind", "certificate"),
    }


async def test_nothing_is_served_unless_it_is_asked_for(bench: Bench) -> None:
    async with serving(bench.engines) as running:
        assert running.metrics_url is None


async def test_other_paths_are_not_there(observed: Observed) -> None:
    def read() -> None:
        urllib.request.urlopen(observed.metrics_url.replace("/metrics", "/"), timeout=10)

    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        await asyncio.to_thread(read)
    refused.value.close()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:9464", "metrics.example:9464"])
async def test_an_address_that_others_reach_needs_leave(listen: str) -> None:
    with pytest.raises(ConfigurationError, match="metrics_public = true"):
        async with serving_metrics(ServerMetrics(), TelemetryConfig(metrics_listen=listen)):
            pass


async def test_with_leave_others_may_read_them() -> None:
    config = TelemetryConfig(metrics_listen="0.0.0.0:0", metrics_public=True)
    async with serving_metrics(ServerMetrics(), config) as url:
        assert url is not None
        assert url.startswith("http://0.0.0.0:")


@pytest.mark.parametrize("listen", ["9464", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", ":9464", ""])
async def test_an_address_that_is_none_is_an_error(listen: str) -> None:
    with pytest.raises(ConfigurationError, match=r"telemetry\.metrics_listen"):
        async with serving_metrics(ServerMetrics(), TelemetryConfig(metrics_listen=listen)):
            pass


async def test_a_port_that_is_taken_ends_the_start(bench: Bench, tmp_path: Path) -> None:
    taken = TelemetryConfig(metrics_listen=f"127.0.0.1:{free_port()}")
    async with serving_metrics(ServerMetrics(), taken):
        config = ServerConfig(data_dir=tmp_path, listen="unix", telemetry=taken)
        engines = type(bench.engines)(
            config,
            bench.index,
            bench.users,
            bench.encoder,
            bench.summarizer,
            bench.engines.scorer,
            bench.engines.signer,
        )
        with pytest.raises(ConfigurationError, match=r"telemetry\.metrics_listen"):
            async with serving(engines):
                pass
