"""What `gistwire doctor --target` finds of a server that runs elsewhere: `live_checks`."""

import email.utils
import os
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from importlib.metadata import version

import click
from gistwire.v1 import (
    article_pb2,
    events_pb2,
    recommendation_pb2,
    search_pb2,
    summary_pb2,
    topic_pb2,
    user_event_pb2,
)
from google.protobuf.duration_pb2 import Duration

from gistwire_client.client import GistwireClient, HealthStatus
from gistwire_client.commands.checks import Check, State
from gistwire_client.commands.options import CONNECTION_META
from gistwire_client.errors import GistwireClientError, RequestRefusedError
from gistwire_client.terminal.safe_text import folded
from gistwire_client.terminal.wording import counted

_SERVICES = tuple(
    service.full_name
    for module in (search_pb2, summary_pb2, recommendation_pb2, topic_pb2, article_pb2, user_event_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)
_QUERY = "news"
_SEARCH_TIMEOUT_S = 10.0
_METRICS_TIMEOUT_S = 5.0
_MAX_METRICS_BYTES = 8 * 1024 * 1024
_MAX_SKEW_S = 5.0
"""Tokens, and what is new to a watch, bear with more; logs of several machines are hard to read beyond it."""


async def live_checks(client: GistwireClient) -> AsyncIterator[Check]:
    """Asks a server how it is, and searches once.

    Args:
        client: a client of it, which is open.
    """
    yield await _connection(client)
    yield await _services(client)
    async for check in _search(client):
        yield check


async def _connection(client: GistwireClient) -> Check:
    began = time.perf_counter()
    try:
        await client.health()
    except GistwireClientError as error:
        return Check("connection", State.FAILED, folded(f"{_security()}: {error}"))
    first_s = time.perf_counter() - began
    began = time.perf_counter()
    await client.health()
    again_s = time.perf_counter() - began
    return Check(
        "connection", State.OK, f"{_security()}; opened in {_ms(first_s)}, answers in {_ms(again_s)}"
    )


def _security() -> str:
    """How the command's options connect, and as whom."""
    context = click.get_current_context(silent=True)
    options = {} if context is None else context.meta

    def given(name: str) -> bool:
        return bool(options.get(f"{CONNECTION_META}.{name}"))

    encrypted = any(map(given, ("tls", "ca_file", "client_certificate", "client_key")))
    identity = ["client certificate"] if given("client_certificate") else []
    if given("api_key_file") or os.environ.get("GISTWIRE_API_KEY"):
        identity.append("API key")
    return f"{'TLS' if encrypted else 'no encryption'}, {' and '.join(identity) or 'no credentials'}"


async def _services(client: GistwireClient) -> Check:
    states: dict[str, str] = {}
    for service in _SERVICES:
        try:
            status = await client.health(service=service)
        except RequestRefusedError:
            status = HealthStatus.SERVICE_UNKNOWN
        except GistwireClientError as error:
            return Check("services", State.FAILED, folded(str(error)))
        if status is not HealthStatus.SERVING:
            states[service.rpartition(".")[2]] = status.name.lower().replace("_", " ")
    if len(states) == len(_SERVICES) and set(states.values()) == {"service unknown"}:
        return Check("services", State.ABSENT, "the server tells of none of them")
    if states:
        return Check(
            "services", State.FAILED, ", ".join(f"{name}: {state}" for name, state in states.items())
        )
    return Check("services", State.OK, f"all {len(_SERVICES)} serve")


async def _search(client: GistwireClient) -> AsyncIterator[Check]:
    """Searches once: which models take part, and where the time goes."""
    began = time.perf_counter()
    hits_s: float | None = None
    text_s: float | None = None
    degraded: list[events_pb2.Degraded] = []
    try:
        async with aclosing(client.stream_search(_QUERY, top_k=3, timeout_s=_SEARCH_TIMEOUT_S)) as events:
            async for event in events:
                match event.WhichOneof("event"):
                    case "started":
                        yield _models(event.started.models)
                    case "hits":
                        hits_s = time.perf_counter() - began
                    case "summary_delta" | "summary" if text_s is None:
                        text_s = time.perf_counter() - began
                    case "degraded":
                        degraded.append(event.degraded)
                    case "completed":
                        took = (hits_s, text_s, time.perf_counter() - began)
                        yield _searched(event.completed, took, degraded)
    except GistwireClientError as error:
        yield Check("search", State.FAILED, folded(str(error)))


def _models(models: Sequence[events_pb2.ModelVersion]) -> Check:
    detail = ", ".join(f"{model.role} {model.name}@{model.version}" for model in models)
    return Check("models", State.OK, folded(detail) or "the server names none")


def _searched(
    completed: events_pb2.Completed,
    took_s: tuple[float | None, float | None, float],
    degraded: Sequence[events_pb2.Degraded],
) -> Check:
    hits_s, text_s, all_s = took_s
    said = [counted(completed.hit_count, "hit")]
    said += [f"after {_ms(hits_s)}"] if hits_s is not None else []
    said += [f"text after {_ms(text_s)}"] if text_s is not None else []
    said.append(f"all after {_ms(all_s)}")
    stages = ", ".join(
        f"{events_pb2.StageTime.Stage.Name(each.stage).lower()} {_ms(_seconds(each.duration))}"
        for each in completed.stages
    )
    detail = (
        f"{', '.join(said)}; in the server: {stages or 'no stage'}, total {_ms(_seconds(completed.total))}"
    )
    if not degraded:
        return Check("search", State.OK, detail)
    why = {
        f"{events_pb2.StageTime.Stage.Name(each.stage)} {events_pb2.Degraded.Reason.Name(each.reason)}"
        for each in degraded
    }
    return Check("search", State.FAILED, f"{detail}; less than it could be: {', '.join(sorted(why)).lower()}")


def metrics_checks(url: str) -> Sequence[Check]:
    """Reads the metrics of a server, and compares its clock with this machine's. Blocks.

    Args:
        url: where they are, such as ``"http://127.0.0.1:9464/metrics"``.
    """
    if not url.startswith(("http://", "https://")):
        return [Check("metrics", State.FAILED, f"{url} is no http address")]
    try:
        with urllib.request.urlopen(url, timeout=_METRICS_TIMEOUT_S) as response:  # noqa: S310 (checked above)
            text = response.read(_MAX_METRICS_BYTES).decode("utf-8", "replace")
            sent = response.headers.get("Date")
    except (urllib.error.URLError, OSError, ValueError) as error:
        return [Check("metrics", State.FAILED, folded(f"{url}: {error}"))]
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

    try:
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except ValueError:
        samples = []
    builds = [sample.labels for sample in samples if sample.name == "gistwire_build_info"]
    if not builds:
        return [Check("metrics", State.FAILED, f"{url}: those are no metrics of a Gistwire server")]
    values = {sample.name: sample.value for sample in samples if not sample.labels}
    left_alone = [
        f"{sample.labels['backend']} {sample.labels['endpoint']} ({sample.labels['state']})"
        for sample in samples
        if sample.name == "gistwire_breaker_state" and sample.value and sample.labels["state"] != "closed"
    ]
    return [_told(builds[0], values, left_alone), *_clock(sent)]


def _told(build: Mapping[str, str], values: Mapping[str, float], left_alone: Sequence[str]) -> Check:
    up_s = time.time() - values.get("process_start_time_seconds", time.time())
    waiting, limit = values.get("gistwire_queue_length", 0), values.get("gistwire_queue_limit", 0)
    said = [
        f"server {build.get('version', 'unknown')} (this client: {version('gistwire')})",
        f"up for {up_s / 3_600:.1f} h",
        f"{waiting:.0f} of {limit:.0f} places in the queue taken",
    ]
    if left_alone:
        return Check(
            "metrics", State.FAILED, folded("; ".join([*said, "left alone: " + ", ".join(left_alone)]))
        )
    return Check("metrics", State.OK, folded("; ".join([*said, "no backend is left alone"])))


def _clock(sent: str | None) -> Sequence[Check]:
    try:
        server = email.utils.parsedate_to_datetime(sent or "").timestamp()
    except ValueError:
        return []
    # The header's seconds are whole ones: on average it is half a second behind.
    skew_s = server + 0.5 - time.time()
    state = State.OK if abs(skew_s) <= _MAX_SKEW_S else State.FAILED
    ahead = "ahead of" if skew_s > 0 else "behind"
    return [Check("clock", state, f"the server's is {abs(skew_s):.0f} s {ahead} this machine's")]


def _seconds(duration: Duration) -> float:
    return duration.ToTimedelta().total_seconds()


def _ms(seconds: float) -> str:
    return f"{seconds * 1_000:.1f} ms"
