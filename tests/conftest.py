"""Settings of all tests, and the servers that they share.

The examples that Hypothesis makes are the same in each run.

A check that fails must have been broken by the change it runs on. To look for new counterexamples, run
``HYPOTHESIS_PROFILE=exploring pytest tests``.
"""

import logging
import os
import signal
from collections.abc import Iterator

import pytest
import structlog
from gistwire_server.telemetry.log import LibraryLogHandler
from hypothesis import HealthCheck, settings

from tests.backends.elasticsearch import ElasticsearchServer, new_elasticsearch
from tests.backends.triton import TritonServer, new_triton
from tests.recorded_spans import RecordedSpans, recorded_spans

# No test depends on the machine's speed, and the fixtures that meet many examples hold nothing of any of them.
settings.register_profile(
    "exploring",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("repeatable", settings.get_profile("exploring"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# A shell's background job ignores SIGINT, and so would the commands that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

_backends_used: list[str] = []


@pytest.fixture(scope="session")
def elasticsearch_server() -> Iterator[ElasticsearchServer]:
    """A real Elasticsearch server for all tests that only read and write; each uses names or a tenant of its own."""
    server = new_elasticsearch()
    try:
        server.start()
        _backends_used.append(f"Elasticsearch {server.version} ran as a {server.kind}")
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def triton_server() -> Iterator[TritonServer]:
    """A real Triton server with the models of this repository, for all tests that only ask it."""
    server = new_triton()
    try:
        server.start()
        _backends_used.append(f"Triton ran as a {server.kind}")
        yield server
    finally:
        server.close()


@pytest.fixture
def spans() -> Iterator[RecordedSpans]:
    """The spans that end while the test runs."""
    recorded = recorded_spans()
    with recorded.recording():
        yield recorded


@pytest.fixture(autouse=True)
def structlog_restored() -> Iterator[None]:
    """Takes back how a test has the process log: commands do, and a later test would not see what is logged."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def log_restored() -> Iterator[None]:
    """Puts the whole log of the process back as it was, for tests that configure it."""
    root = logging.getLogger()
    level = root.level
    yield
    structlog.reset_defaults()
    root.setLevel(level)
    for handler in [each for each in root.handlers if isinstance(each, LibraryLogHandler)]:
        root.removeHandler(handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which backends the tests ran on."""
    for line in _backends_used:
        terminalreporter.write_line(line)
