"""A Gistwire server on real Elasticsearch with scripted models, for tests that break something under it.

What a fault cost is printed at the end of the run. ``GISTWIRE_LONG_FAULTS=1`` runs the long form of tests that have
one.
"""

import os
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from gistwire.v1 import search_pb2_grpc
from gistwire_client.client import GistwireClient
from gistwire_indexer.elasticsearch import ElasticsearchSettings, ElasticsearchStore
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer
from gistwire_server.app import serving
from gistwire_server.config import ServerConfig
from gistwire_server.engines import Engines
from gistwire_server.paging import TokenSigner
from gistwire_server.scoring import Scorer

from tests.backends.elasticsearch import ElasticsearchServer, new_elasticsearch

LONG = os.environ.get("GISTWIRE_LONG_FAULTS") == "1"
"""Whether to run the long forms."""

_figures: list[str] = []


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running server over a cluster, with clients of it.

    Attributes:
        target: where it listens.
        store: the articles of all tenants.
        encoder: the scripted encoder.
        summarizer: the scripted summarizer.
        client: a client of the default tenant.
        searching: the stub of its SearchService.
    """

    target: str
    store: ElasticsearchStore
    encoder: ScriptedEncoder
    summarizer: ScriptedSummarizer
    client: GistwireClient
    searching: "search_pb2_grpc.SearchServiceAsyncStub"


@pytest.fixture
def report_figure() -> Callable[[str], None]:
    """Takes a line of what a fault cost, to be printed at the end."""
    return _figures.append


@pytest.fixture
def breakable_elasticsearch() -> Iterator[ElasticsearchServer]:
    """A server of the test's own, to kill."""
    server = new_elasticsearch(settings={"cluster.info.update.interval": "10s"})
    try:
        server.start()
        yield server
    finally:
        server.close()


@asynccontextmanager
async def deployed(
    url: str, folder: Path, *, tenants: tuple[str, ...] = ()
) -> AsyncGenerator[Deployment, None]:
    """Runs a Gistwire server on a cluster while the block runs."""
    encoder, summarizer = ScriptedEncoder(), ScriptedSummarizer()
    settings = ElasticsearchSettings(
        urls=(url,), prefix=f"fault-{secrets.token_hex(4)}", refresh_interval_s=0.2, request_timeout_s=10.0
    )
    store = ElasticsearchStore(settings, model=encoder.model, dimension=encoder.dimension)
    engines = Engines(
        config=ServerConfig(data_dir=folder, listen="unix", tenants=tenants),
        index=await store.tenant("default"),
        user_events=await store.user_events("default"),
        encoder=encoder,
        summarizer=summarizer,
        scorer=Scorer(),
        signer=TokenSigner(b"k" * 32, lifetime_s=600),
    )
    try:
        async with (
            serving(engines, store) as running,
            GistwireClient(running.target) as client,
            grpc.aio.insecure_channel(running.target) as channel,
        ):
            stub = search_pb2_grpc.SearchServiceStub(channel)
            yield Deployment(running.target, store, encoder, summarizer, client, stub)
    finally:
        await store.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what the faults cost."""
    for line in _figures:
        terminalreporter.write_line(line)
