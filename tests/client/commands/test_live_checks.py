"""Tests of `gistwire doctor` against a server that runs elsewhere, and its metrics."""

import asyncio
import email.utils
import logging
import time
from collections.abc import AsyncIterator

import pytest
import structlog
from aiohttp import web
from gistwire_client.exit_status import ExitStatus
from gistwire_models.errors import ModelUnavailableError

from tests.backends.ports import free_port
from tests.client.commands.conftest import Gistwire, in_thread
from tests.client.commands.test_doctor import checks
from tests.server.conftest import bench as bench
from tests.server.telemetry.conftest import Observed
from tests.server.telemetry.conftest import observed as observed

HEALTHY = """
gistwire_build_info{version="9.9",grpc="1",python="3"} 1.0
gistwire_breaker_state{backend="index",endpoint="cluster",state="open"} 0.0
gistwire_queue_length 3.0
gistwire_queue_limit 256.0
"""


async def test_a_live_server_is_asked_for_everything(observed: Observed, gistwire: Gistwire) -> None:
    outcome = await in_thread(
        gistwire, "doctor", "--target", observed.target, "--metrics-url", observed.metrics_url, "--json"
    )
    found = checks(outcome)
    assert outcome.status == ExitStatus.DONE
    assert found["connection"][0] == "ok"
    assert found["connection"][1].startswith("no encryption, no credentials; opened in ")
    assert found["services"] == ("ok", "all 6 serve")
    assert "encoder scripted-encoder@1" in found["models"][1]
    state, detail = found["search"]
    assert state == "ok"
    for part in ("hit", "text after", "all after", "encode", "retrieve", "summarize", "score", "total"):
        assert part in detail
    assert found["metrics"][0] == "ok"
    assert "0 of 1 places in the queue taken" in found["metrics"][1]
    assert found["clock"][0] == "ok"


async def test_a_search_that_is_less_than_it_could_be_has_failed(
    observed: Observed, gistwire: Gistwire
) -> None:
    observed.bench.encoder.failure = ModelUnavailableError("down")
    outcome = await in_thread(gistwire, "doctor", "--target", observed.target, "--json")
    state, detail = checks(outcome)["search"]
    assert state == "failed"
    assert detail.endswith("less than it could be: encode backend_down")
    assert outcome.status == ExitStatus.FAILED


async def test_a_search_that_fails_says_why(observed: Observed, gistwire: Gistwire) -> None:
    await observed.bench.index.close()
    outcome = await in_thread(gistwire, "doctor", "--target", observed.target, "--json")
    state, detail = checks(outcome)["search"]
    assert state == "failed"
    assert "the article index does not answer" in detail


@pytest.fixture(autouse=True)
def quiet_server() -> None:
    """Keeps the log of the server, which runs in this process, away from the output of the command."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture
async def metrics_site() -> AsyncIterator[tuple[str, dict[str, str]]]:
    """An address of metrics, and what it answers: its text, and the Date it says."""
    answer = {"text": HEALTHY, "date": email.utils.formatdate(usegmt=True)}

    async def respond(request: web.Request) -> web.Response:
        return web.Response(text=answer["text"], headers={"Date": answer["date"]})

    application = web.Application()
    application.router.add_get("/metrics", respond)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/metrics", answer
    await runner.cleanup()


async def test_metrics_tell_of_versions_the_queue_and_backends(
    metrics_site: tuple[str, dict[str, str]], gistwire: Gistwire
) -> None:
    url, answer = metrics_site

    async def told() -> dict[str, tuple[str, str]]:
        return checks(await in_thread(gistwire, "doctor", "--metrics-url", url, "--json"))

    found = await told()
    assert found["metrics"][0] == "ok"
    assert found["metrics"][1].startswith("server 9.9 (this client: ")
    assert "3 of 256 places" in found["metrics"][1]
    answer["text"] = HEALTHY.replace('state="open"} 0.0', 'state="open"} 1.0')
    found = await told()
    assert found["metrics"][0] == "failed"
    assert found["metrics"][1].endswith("left alone: index cluster (open)")
    answer["text"] = "other_metric 1.0\n"
    assert (await told())["metrics"][0] == "failed"


async def test_a_clock_that_is_wrong_has_failed(
    metrics_site: tuple[str, dict[str, str]], gistwire: Gistwire
) -> None:
    url, answer = metrics_site
    for shift_s, state, word in ((0, "ok", ""), (600, "failed", "ahead of"), (-600, "failed", "behind")):
        answer["date"] = email.utils.formatdate(time.time() + shift_s, usegmt=True)
        outcome = await in_thread(gistwire, "doctor", "--metrics-url", url, "--json")
        found = checks(outcome)["clock"]
        assert found[0] == state
        assert word in found[1]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "metrics", "http://127.0.0.1:1/metrics"])
async def test_metrics_that_cannot_be_read_have_failed(gistwire: Gistwire, url: str) -> None:
    outcome = await asyncio.to_thread(gistwire, "doctor", "--metrics-url", url, "--json")
    assert checks(outcome)["metrics"][0] == "failed"
