"""A Gistwire server on real Elasticsearch with scripted models, for tests that break something under it.

What a fault cost is printed at the end of the run. ``GISTWIRE_LONG_FAULTS=1`` runs the long form of tests that have
one.
"""

import os
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.v1 import search_pb2_grpc
from gistwire_client.client import GistwireClient
from gistwire_indexer.elasticsearch import ElasticsearchSettings, ElasticsearchStore
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer
from gistwire_server.app import serving
from gistwire_server.config import load_config
from gistwire_server.engines import Engines
from gistwire_server.paging import TokenSigner
from gistwire_server.scoring import Scorer

from tests.backends.elasticsearch import ElasticsearchServer, new_elasticsearch
from tests.faults.rows import FIGURE

LONG = os.environ.get("GISTWIRE_LONG_FAULTS") == "1"
"""Whether to run the long forms."""


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
def report_figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line of what a fault cost, ``"fault 1: …"``, to be printed at the end."""
    return partial(record_property, FIGURE)


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
    url: str, folder: Path, *, listen: str = "unix", **fields: Any
) -> AsyncGenerator[Deployment, None]:
    """Runs a Gistwire server on a cluster while the block runs; `fields` are further ones of its configuration."""
    encoder, summarizer = ScriptedEncoder(), ScriptedSummarizer()
    settings = ElasticsearchSettings(
        urls=(url,), prefix=f"fault-{secrets.token_hex(4)}", refresh_interval_s=0.2, request_timeout_s=10.0
    )
    store = ElasticsearchStore(settings, model=encoder.model, dimension=encoder.dimension)
    engines = Engines(
        config=load_config(data_dir=folder, listen=listen, **fields),
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
    reports = (report for reports in terminalreporter.stats.values() for report in reports)
    figures = (
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == FIGURE
    )
    for line in dict.fromkeys(figures):
        terminalreporter.write_line(str(line))
