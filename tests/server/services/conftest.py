"""A server over real gRPC with scripted models, and a channel to it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import msgspec
import pytest
from gistwire_server.app import serving
from gistwire_server.config import LimitsConfig
from gistwire_server.engines import Engines

from tests.server.conftest import Bench

LIMITS = LimitsConfig(
    concurrent_searches=2,
    waiting_searches=1,
    ingest_window=4,
    ingest_batch=3,
    max_message_bytes=64 * 1024,
    drain_s=5.0,
)


@dataclass
class Service:
    """A running server and a channel to it."""

    bench: Bench
    channel: grpc.aio.Channel
    target: str


@pytest.fixture
async def service(bench: Bench) -> AsyncIterator[Service]:
    config = msgspec.structs.replace(bench.engines.config, listen="unix", limits=LIMITS)
    engines = Engines(
        config,
        bench.index,
        bench.users,
        bench.encoder,
        bench.summarizer,
        bench.engines.scorer,
        bench.engines.signer,
        bench.engines.costs,
    )
    async with serving(engines) as running, grpc.aio.insecure_channel(running.target) as channel:
        yield Service(bench, channel, running.target)
