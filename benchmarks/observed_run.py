"""A few minutes of load and trouble that Prometheus watches, drawn as the dashboard: `observe_run`."""

import asyncio
import random
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from gistwire.v1 import article_pb2, specs_pb2
from gistwire_client import GistwireClient
from gistwire_client.client import HealthStatus
from gistwire_client.errors import GistwireClientError
from gistwire_models.shipped import default_repository
from gistwire_models.triton.launcher import TritonProcess

from benchmarks.corpus import judged_queries, read_articles
from benchmarks.dashboard import Window, draw_dashboard
from benchmarks.machine import GISTWIRE, describe_machine, free_port

_SCRAPE_INTERVAL_S = 2
_ARTICLES = 200
_STARTS_WITHIN_S = 120

# Shares of the run, and searches a second in each, as multiples of the rate that is asked for.
_PHASES = (
    ("calm", 0.3, 1.0),
    ("Triton is down", 0.2, 1.0),
    ("calm again", 0.15, 1.0),
    ("rush", 0.2, 12.0),
    ("calm", 0.15, 1.0),
)

_SERVER = """
index = "embedded"
models = "triton"
data_dir = "{folder}/data"
[triton]
endpoints = ["{triton}"]
[limits]
concurrent_searches = 8
waiting_searches = 48
[telemetry]
metrics_listen = "127.0.0.1:{metrics}"
log_level = "warning"
"""

_PROMETHEUS = """
global: {{scrape_interval: {interval}s, evaluation_interval: {interval}s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: gistwire
    static_configs: [{{targets: ["127.0.0.1:{metrics}"]}}]
"""


def observe_run(output: Path, *, minutes: float, rate: float) -> None:
    """Runs a server on Triton under load and trouble, with Prometheus, and draws what that has seen.

    Args:
        output: the picture, in PNG.
        minutes: length of the run.
        rate: searches a second when all is calm.
    """
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        raise click.ClickException("prometheus is missing: install Debian's package of that name")
    print(describe_machine())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gistwire-observed-")))
        triton = TritonProcess(default_repository())
        stack.callback(triton.close)
        triton.start()
        grpc_port, metrics_port, prometheus_port = (free_port() for _ in range(3))
        configuration = folder / "gistwire.toml"
        configuration.write_text(_SERVER.format(folder=folder, triton=triton.target, metrics=metrics_port))
        command = [GISTWIRE, "serve", "--config", str(configuration)]
        stack.enter_context(_running([*command, "--port", str(grpc_port)]))
        rules = Path(__file__).parents[1] / "deploy" / "prometheus" / "alerts.yml"
        (folder / "prometheus.yml").write_text(
            _PROMETHEUS.format(interval=_SCRAPE_INTERVAL_S, rules=rules, metrics=metrics_port)
        )
        command = [
            prometheus,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/series",
        ]
        stack.enter_context(_running([*command, f"--web.listen-address=127.0.0.1:{prometheus_port}"]))
        url = f"http://127.0.0.1:{prometheus_port}"
        _wait_for(f"{url}/-/ready")
        begin = time.time()
        asyncio.run(_load(f"127.0.0.1:{grpc_port}", triton, minutes * 60, rate))
        draw_dashboard(url, Window(begin, time.time(), _SCRAPE_INTERVAL_S), output)
    print(f"{output}: {output.stat().st_size / 1024:.0f} KiB")


async def _load(target: str, triton: TritonProcess, seconds: float, rate: float) -> None:
    queries = [str(each["query"]) for each in judged_queries()]
    async with GistwireClient(target) as client:
        await _until_serving(client)
        async for _ in client.ingest(_articles()):
            pass
        async with asyncio.TaskGroup() as calls:
            for name, share, factor in _PHASES:
                print(f"{name}: {share * seconds:.0f} s, {rate * factor:g} searches a second")
                if name == "Triton is down":
                    await asyncio.to_thread(triton.kill)
                elif name == "calm again":
                    await asyncio.to_thread(triton.start)
                await _phase(calls, client, queries, seconds=share * seconds, rate=rate * factor)


async def _phase(
    calls: asyncio.TaskGroup, client: GistwireClient, queries: Sequence[str], *, seconds: float, rate: float
) -> None:
    """Calls as they come from many people: at random, whatever became of the last ones."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        calls.create_task(_call(client, random.choice(queries)))
        await asyncio.sleep(random.expovariate(rate))


async def _call(client: GistwireClient, query: str) -> None:
    mode = random.choice((specs_pb2.SummarySpec.BEST, specs_pb2.SummarySpec.FAST))
    spec = specs_pb2.SummarySpec(mode=mode)
    kind = random.random()
    try:
        if kind < 0.7:
            async for event in client.stream_search(query, top_k=5, summary=spec, timeout_s=5):
                if kind < 0.05 and event.WhichOneof("event") == "hits":
                    break
        elif kind < 0.85:
            await client.search(query, page_size=5, summary=spec, timeout_s=5)
        elif kind < 0.92:
            async for _ in client.digest(query, timeout_s=5):
                pass
        elif kind < 0.95:
            await client.search(query, filter="source = ", timeout_s=5)
        else:
            await client.get_article("none" if kind < 0.97 else "article-7")
    except GistwireClientError:
        # They are what is to be seen.
        return


def _articles() -> Iterator[article_pb2.Article]:
    for number, article in enumerate(read_articles(())[:_ARTICLES]):
        yield article_pb2.Article(
            id=f"article-{number}",
            headline=article.headline,
            body=article.body,
            source=article.source,
            language=article.language,
        )


async def _until_serving(client: GistwireClient) -> None:
    async with asyncio.timeout(_STARTS_WITHIN_S):
        while True:
            try:
                if await client.health() is HealthStatus.SERVING:
                    return
            except GistwireClientError:
                await asyncio.sleep(0.2)


def _wait_for(url: str) -> None:
    ends = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            if time.monotonic() > ends:
                raise
            time.sleep(0.2)
        else:
            return


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)
