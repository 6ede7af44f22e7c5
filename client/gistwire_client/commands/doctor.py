"""`gistwire doctor`: what is installed, what works, and what is missing."""

import asyncio
import json
import platform
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from click.core import ParameterSource
from rich.console import Console
from rich.text import Text

from gistwire_client.client import GistwireClient, HealthStatus
from gistwire_client.commands.checks import Check, State
from gistwire_client.commands.live_checks import live_checks, metrics_checks
from gistwire_client.commands.options import check_location, data_dir_option, json_option, target_option
from gistwire_client.connection import connect, keep_log_off_standard_output
from gistwire_client.errors import GistwireClientError
from gistwire_client.exit_status import ExitStatus
from gistwire_client.terminal.safe_text import folded
from gistwire_client.terminal.wording import counted

if TYPE_CHECKING:
    from gistwire_models.triton import TritonSettings
    from gistwire_server.config import ServerConfig

_PACKAGES = ("gistwire", "grpcio", "protobuf", "numpy", "ctranslate2", "tokenizers", "rank-bm25")

_EXAMPLES = """\b
Examples:
  gistwire doctor
  gistwire doctor --config gistwire.toml
  gistwire doctor --target news.example:50051 --tls --api-key-file key
  gistwire doctor --target 127.0.0.1:50051 --metrics-url http://127.0.0.1:9464/metrics
  gistwire doctor --json | jq 'select(.state != "ok")'

\b
Exit status: 0 if the server works (the one in this process, or with --target
the one there), and what --config names can be reached; else 1.
"""

_TIMEOUT_S = 5.0
"""Longest wait for an answer of a server that a configuration names."""


_STYLES = {State.OK: "green", State.ABSENT: "dim", State.FAILED: "bold red"}


@click.command(epilog=_EXAMPLES)
@data_dir_option
@target_option
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML file with a server's configuration, whose Elasticsearch and Triton are asked, too.",
)
@click.option("--metrics-url", metavar="URL", help="Where the server's metrics are, which are read, too.")
@json_option
@click.pass_context
def doctor(
    context: click.Context,
    *,
    data_dir: Path,
    target: str | None,
    config_file: Path | None,
    metrics_url: str | None,
    as_json: bool,
) -> None:
    """Check what is installed and what works.

    With --target a server elsewhere is asked how it is, and searches once; the search's words are "news".
    """
    check_location(context)

    config = None
    if config_file is not None:
        # A folder that a file names goes before the default.
        default_folder = context.get_parameter_source("data_dir") is ParameterSource.DEFAULT
        config = _read_config(context, config_file, None if default_folder else data_dir)
    checks = list(_checks(target, data_dir if config is None else config.data_dir, config))
    if metrics_url is not None:
        checks += metrics_checks(metrics_url)
    _report(checks, as_json=as_json)
    if any(check.state is State.FAILED for check in checks):
        raise click.exceptions.Exit(ExitStatus.FAILED)


def _read_config(context: click.Context, path: Path, data_dir: Path | None) -> "ServerConfig":
    from gistwire_server.config import load_config  # noqa: PLC0415
    from gistwire_server.errors import ConfigurationError  # noqa: PLC0415

    try:
        return load_config(path, data_dir=data_dir)
    except ConfigurationError as error:
        raise click.UsageError(str(error), context) from error


def _checks(target: str | None, data_dir: Path, config: "ServerConfig | None") -> Iterator[Check]:
    yield Check("python", State.OK, platform.python_version())
    for package in _PACKAGES:
        yield _installed(package)
    if target is None:
        yield _encoder_weights()
        if config is None or config.index == "embedded":
            yield _data_folder(data_dir)
        # In a folder of its own, so that looking changes nothing.
        with tempfile.TemporaryDirectory(prefix="gistwire-doctor-") as folder:
            yield asyncio.run(_server(None, Path(folder)))
    else:
        yield from asyncio.run(_live_server(target, data_dir))
    keep_log_off_standard_output()
    if config is not None and config.index == "elasticsearch":
        yield asyncio.run(_elasticsearch(config))
    else:
        yield Check("elasticsearch", State.ABSENT, _why_not(config, 'index = "embedded"'))
    if config is not None and config.models == "triton":
        yield from asyncio.run(_triton(config))
    else:
        yield _triton_unused(config)


def _installed(package: str) -> Check:
    try:
        return Check(package, State.OK, version(package))
    except PackageNotFoundError:
        return Check(package, State.FAILED, "not installed")


def _encoder_weights() -> Check:
    from gistwire_models.errors import GistwireModelError  # noqa: PLC0415
    from gistwire_models.shipped import default_encoder_folder  # noqa: PLC0415

    try:
        return Check("encoder weights", State.OK, str(default_encoder_folder()))
    except GistwireModelError as error:
        return Check("encoder weights", State.FAILED, str(error))


def _data_folder(data_dir: Path) -> Check:
    from gistwire_indexer.embedded.database import FILE_NAME  # noqa: PLC0415

    path = data_dir / FILE_NAME
    if not path.is_file():
        return Check("data folder", State.ABSENT, f"{data_dir}: no index yet; `gistwire ingest` makes one")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (articles,) = connection.execute("SELECT COUNT(*) FROM articles").fetchone()
            (model,) = connection.execute("SELECT value FROM meta WHERE key = 'model'").fetchone()
    except (sqlite3.Error, TypeError) as error:
        return Check("data folder", State.FAILED, f"{path}: {error}")
    megabytes = path.stat().st_size / 1e6
    return Check(
        "data folder",
        State.OK,
        f"{data_dir}: {counted(articles, 'article')}, {megabytes:.1f} MB, embedded by {folded(model)}",
    )


async def _server(target: str | None, data_dir: Path) -> Check:
    part = f"server at {target}" if target else "server in this process"
    try:
        async with connect(target, data_dir) as client:
            return await _health(part, client)
    except (GistwireClientError, ImportError) as error:
        return Check(part, State.FAILED, folded(str(error)))


async def _live_server(target: str, data_dir: Path) -> Sequence[Check]:
    check = await _server(target, data_dir)
    if check.state is State.FAILED:
        return [check]
    async with connect(target, data_dir) as client:
        return [check, *[each async for each in live_checks(client)]]


async def _health(part: str, client: GistwireClient) -> Check:
    status = await client.health()
    state = State.OK if status is HealthStatus.SERVING else State.FAILED
    return Check(part, state, status.name.lower().replace("_", " "))


def _why_not(config: "ServerConfig | None", setting: str) -> str:
    return "none named; --config says which" if config is None else f"not used ({setting})"


async def _elasticsearch(config: "ServerConfig") -> Check:
    from gistwire_indexer.elasticsearch.connection import connect as connect_to_cluster  # noqa: PLC0415
    from gistwire_indexer.elasticsearch.connection import explained_errors  # noqa: PLC0415
    from gistwire_indexer.errors import IndexUnavailableError  # noqa: PLC0415
    from gistwire_server.errors import ConfigurationError  # noqa: PLC0415
    from gistwire_server.storage import elasticsearch_settings  # noqa: PLC0415

    # An address may hold a password.
    places = ", ".join(urlsplit(url).netloc.rpartition("@")[2] for url in config.elasticsearch.urls)
    try:
        settings = replace(elasticsearch_settings(config.elasticsearch), request_timeout_s=_TIMEOUT_S)
        async with connect_to_cluster(settings) as cluster:
            with explained_errors():
                found = await cluster.nodes.info(filter_path="nodes.*.version")
                health = await cluster.cluster.health()
    except (ConfigurationError, IndexUnavailableError) as error:
        return Check("elasticsearch", State.FAILED, folded(f"{places}: {error}"))
    versions = sorted({node["version"] for node in found["nodes"].values()})
    state = State.FAILED if health["status"] == "red" else State.OK
    nodes = counted(health["number_of_nodes"], "node")
    detail = f"{places}: version {', '.join(versions)}, health {health['status']}, {nodes}"
    return Check("elasticsearch", state, folded(detail))


async def _triton(config: "ServerConfig") -> Sequence[Check]:
    return await asyncio.gather(*(_triton_at(address, config) for address in config.triton.endpoints))


async def _triton_at(address: str, config: "ServerConfig") -> Check:
    """Has one server do what searches will ask of it."""
    from gistwire_models.errors import GistwireModelError  # noqa: PLC0415
    from gistwire_server.model_engines import triton_settings  # noqa: PLC0415

    part = f"triton at {address}"
    settings = replace(
        triton_settings(config.triton),
        endpoints=(address,),
        timeout_s=_TIMEOUT_S,
        reader_timeout_s=_TIMEOUT_S,
    )
    asked = [_encoder_on_triton(settings, config)]
    if config.summarizer == "generating":
        asked.append(_summarizer_on_triton(settings, config))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    for failure in failures:
        if not isinstance(failure, GistwireModelError | OSError):
            raise failure
    # Of a server that cannot be reached, all say the same.
    told = dict.fromkeys(str(each) for each in failures or answers)
    return Check(part, State.FAILED if failures else State.OK, folded("; ".join(told)))


async def _encoder_on_triton(settings: "TritonSettings", config: "ServerConfig") -> str:
    from gistwire_models.encoder import Priority  # noqa: PLC0415
    from gistwire_models.encoder_folder import read_description  # noqa: PLC0415
    from gistwire_models.shipped import default_encoder_folder  # noqa: PLC0415
    from gistwire_models.triton import TritonEncoder  # noqa: PLC0415

    expected = read_description(config.encoder_dir or default_encoder_folder())
    encoder = TritonEncoder(settings, expected, len)
    try:
        await encoder.encode(["news"], priority=Priority.QUERY)
    finally:
        await encoder.close()
    return f"encoder {encoder.model} is ready"


async def _summarizer_on_triton(settings: "TritonSettings", config: "ServerConfig") -> str:
    from gistwire_models.encoder import ModelVersion  # noqa: PLC0415
    from gistwire_models.errors import ModelUnavailableError  # noqa: PLC0415
    from gistwire_models.triton import TritonSummarizer  # noqa: PLC0415
    from gistwire_models.triton.endpoints import Endpoint  # noqa: PLC0415

    prompted = config.triton.prompted
    if prompted is not None:
        endpoint = Endpoint(settings.endpoints[0], settings)
        try:
            if not await endpoint.is_ready(prompted.model):
                raise ModelUnavailableError(f"{prompted.model} is not ready")
        finally:
            await endpoint.close()
        return f"{prompted.model} is ready"
    summarizer = TritonSummarizer(settings, initial=ModelVersion("summarizer", "unknown"), languages=())
    try:
        await summarizer.describe()
    finally:
        await summarizer.close()
    return f"summarizer {summarizer.model} is ready ({', '.join(summarizer.languages)})"


def _triton_unused(config: "ServerConfig | None") -> Check:
    from gistwire_models.triton.distribution import TritonInstallationError, find_triton  # noqa: PLC0415

    try:
        found = find_triton()
        there = f"runs {found.server}" if found else "fetches one at its first use"
    except TritonInstallationError as error:
        there = f"cannot run: {error}"
    why_not = _why_not(config, 'models = "local"')
    detail = f"{why_not}; `gistwire models serve` {there}"
    return Check("triton", State.ABSENT, folded(detail))


def _report(checks: Sequence[Check], *, as_json: bool) -> None:
    if as_json:
        for check in checks:
            click.echo(json.dumps(asdict(check), ensure_ascii=False))
        return
    # Columns of fixed width and no table: that would cut paths to the width that is assumed of a pipe.
    state_width = max(len(check.state) for check in checks)
    part_width = max(len(check.part) for check in checks)
    console = Console(highlight=False)
    for check in checks:
        state = (check.state.ljust(state_width), _STYLES[check.state])
        line = Text.assemble(state, "  ", check.part.ljust(part_width), "  ", check.detail)
        console.print(line, soft_wrap=True)
