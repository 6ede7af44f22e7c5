"""`gistwire doctor`: what is installed, what works, and what is missing."""

import asyncio
import json
import platform
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from gistwire_client.client import GistwireClient, HealthStatus
from gistwire_client.commands.options import check_location, data_dir_option, json_option, target_option
from gistwire_client.connection import connect
from gistwire_client.errors import GistwireClientError
from gistwire_client.exit_status import ExitStatus
from gistwire_client.terminal.safe_text import folded
from gistwire_client.terminal.wording import counted

_PACKAGES = ("gistwire", "grpcio", "protobuf", "numpy", "ctranslate2", "tokenizers", "rank-bm25")

_EXAMPLES = """\b
Examples:
  gistwire doctor
  gistwire doctor --target news.example:50051
  gistwire doctor --json | jq 'select(.state != "ok")'

\b
Exit status: 0 if the server works (the one in this process, or with --target
the one there), else 1.
"""


class State(StrEnum):
    """How a part is doing."""

    OK = "ok"
    ABSENT = "absent"
    """Not there, and not needed."""
    FAILED = "failed"


_STYLES = {State.OK: "green", State.ABSENT: "dim", State.FAILED: "bold red"}


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part.

    Attributes:
        part: the part.
        state: how it is doing.
        detail: version, place, or what is wrong.
    """

    part: str
    state: State
    detail: str


@click.command(epilog=_EXAMPLES)
@data_dir_option
@target_option
@json_option
@click.pass_context
def doctor(context: click.Context, *, data_dir: Path, target: str | None, as_json: bool) -> None:
    """Check what is installed and what works."""
    check_location(context)

    checks = list(_checks(target, data_dir))
    _report(checks, as_json=as_json)
    if any(check.state is State.FAILED for check in checks):
        raise click.exceptions.Exit(ExitStatus.FAILED)


def _checks(target: str | None, data_dir: Path) -> Iterator[Check]:
    yield Check("python", State.OK, platform.python_version())
    for package in _PACKAGES:
        yield _installed(package)
    if target is None:
        yield _encoder_weights()
        yield _data_folder(data_dir)
        # In a folder of its own, so that looking changes nothing.
        with tempfile.TemporaryDirectory(prefix="gistwire-doctor-") as folder:
            yield asyncio.run(_server(None, Path(folder)))
    else:
        yield asyncio.run(_server(target, data_dir))
    yield Check("elasticsearch", State.ABSENT, "not part of this version")
    yield Check("triton", State.ABSENT, "not part of this version")


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


async def _health(part: str, client: GistwireClient) -> Check:
    status = await client.health()
    state = State.OK if status is HealthStatus.SERVING else State.FAILED
    return Check(part, state, status.name.lower().replace("_", " "))


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
