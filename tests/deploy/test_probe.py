"""Tests of the health check of the server's image, against a real health service."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.backends.ports import free_port

PROBE = Path(__file__).parents[2] / "deploy" / "docker" / "probe.py"


def probed(target: str) -> tuple[int, str]:
    environment = {**os.environ, "GISTWIRE_HEALTH_TARGET": target}
    done = subprocess.run(
        [sys.executable, str(PROBE)], env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout


@pytest.fixture
def service() -> Iterator[tuple[health.HealthServicer, str]]:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_a_server_that_serves_is_healthy_and_one_that_drains_is_not(
    service: tuple[health.HealthServicer, str],
) -> None:
    servicer, target = service
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    assert probed(target) == (0, f"{target}: SERVING\n")
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert probed(target) == (1, f"{target}: NOT_SERVING\n")


def test_a_server_that_is_not_there_is_not_healthy() -> None:
    target = f"127.0.0.1:{free_port()}"
    assert probed(target) == (1, f"{target}: UNAVAILABLE\n")
