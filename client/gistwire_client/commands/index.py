"""`gistwire index`: looks after the indices of a deployment: what is in them, rebuilding, deleting, backup."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gistwire_client.commands.options import data_dir_option
from gistwire_client.terminal.safe_text import folded

if TYPE_CHECKING:
    from gistwire_indexer.elasticsearch import ElasticsearchStore, RebuildProgress
    from gistwire_indexer.index import ArticleStore
    from gistwire_models.encoder import TextEncoder
    from gistwire_server.config import ServerConfig

_EXAMPLES = """\b
Examples:
  gistwire index status --config gistwire.toml
  gistwire index rebuild --config gistwire.toml
  gistwire index expire --older-than 90 --config gistwire.toml
  gistwire index backup /backups/today --config gistwire.toml
"""

_DEFAULT_TENANT = "default"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _config_option(command: _Command) -> _Command:
    return click.option(
        "--config",
        "config_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="TOML file with the server's configuration.",
    )(command)


def _tenant_option(command: _Command) -> _Command:
    return click.option("--tenant", default=_DEFAULT_TENANT, show_default=True, help="Whose articles.")(
        command
    )


@click.group(epilog=_EXAMPLES)
def index() -> None:
    """Look after the indices of a deployment."""


@index.command(epilog="\b\nExample:\n  gistwire index status --config gistwire.toml --json")
@data_dir_option
@_config_option
@_tenant_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def status(*, data_dir: Path, config_file: Path | None, tenant: str, as_json: bool) -> None:
    """Say what is in an index."""

    async def show() -> None:
        async with _open_store(data_dir, config_file) as (config, store, _):
            figures = await (await store.tenant(tenant)).statistics()
            shown = {
                "index": config.index,
                "tenant": tenant,
                "articles": figures.articles,
                "summaries": figures.summaries,
                "bytesOnDisk": figures.bytes_on_disk,
                "languages": dict(figures.languages),
                "sources": dict(figures.sources),
            }
            click.echo(json.dumps(shown, ensure_ascii=False) if as_json else _readable(shown))

    _run(show())


@index.command(
    epilog="\b\nExamples:\n  gistwire index rebuild --config gistwire.toml\n"
    "  gistwire index rebuild --config gistwire.toml --discard"
)
@data_dir_option
@_config_option
@_tenant_option
@click.option("--discard", is_flag=True, help="Delete what a rebuild that was killed has left.")
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the old index is kept for searches that run on it.",
)
def rebuild(*, data_dir: Path, config_file: Path | None, tenant: str, discard: bool, grace_s: float) -> None:
    """Make an Elasticsearch index anew, while it serves, and swap it in.

    Needed after an upgrade that changes the schema, and for another encoder. Searches notice nothing; writes wait at
    the end, usually less than a second.
    """

    async def make_anew() -> None:
        from gistwire_indexer.elasticsearch import rebuild as rebuild_index  # noqa: PLC0415

        async with _open_store(data_dir, config_file) as (_, store, encoder):
            result = await rebuild_index(
                _in_cluster(store),
                tenant,
                encoder,
                on_progress=_show_progress,
                discard=discard,
                grace_s=grace_s,
            )
        click.echo(
            f"{result.new} serves {result.articles:,} articles instead of {result.old}; "
            f"{result.elapsed_s:.1f} s in all, writes waited {result.writes_blocked_s:.2f} s"
        )

    _run(make_anew())


@index.command(epilog="\b\nExample:\n  gistwire index expire --older-than 90 --config gistwire.toml")
@data_dir_option
@_config_option
@_tenant_option
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0, min_open=True),
    required=True,
    metavar="DAYS",
    help="Age from which articles are deleted, since publication.",
)
def expire(*, data_dir: Path, config_file: Path | None, tenant: str, days: float) -> None:
    """Delete the articles that are too old."""

    async def delete_old() -> None:
        async with _open_store(data_dir, config_file) as (_, store, _):
            before = datetime.now(UTC) - timedelta(days=days)
            expired = await (await store.tenant(tenant)).expire(before)
            click.echo(f"{expired:,} articles published before {before:%Y-%m-%d %H:%M} UTC deleted")

    _run(delete_old())


@index.command(epilog="\b\nExample:\n  gistwire index backup /backups/today --config gistwire.toml")
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@data_dir_option
@_config_option
def backup(*, target: Path, data_dir: Path, config_file: Path | None) -> None:
    """Copy an embedded index to the new folder TARGET, while servers go on using it.

    To restore it, put the folder in the place of the data folder, while no server runs.
    """

    async def copy() -> None:
        from gistwire_indexer.embedded.backup import back_up  # noqa: PLC0415
        from gistwire_server.config import load_config  # noqa: PLC0415

        config = load_config(config_file, data_dir=None if config_file else data_dir)
        if config.index != "embedded":
            raise click.UsageError("an Elasticsearch index is backed up by snapshots (docs/operations.md)")
        files = await asyncio.to_thread(back_up, config.data_dir, target)
        megabytes = sum(file.size_bytes for file in files) / 1e6
        click.echo(f"{len(files)} files, {megabytes:,.1f} MB, copied to {folded(str(target))}")

    _run(copy())


@asynccontextmanager
async def _open_store(
    data_dir: Path, config_file: Path | None
) -> AsyncIterator[tuple["ServerConfig", "ArticleStore", "TextEncoder"]]:
    """Opens the store of a configuration, with the encoder that its indices are for."""
    from gistwire_server.config import load_config  # noqa: PLC0415
    from gistwire_server.model_engines import open_encoder  # noqa: PLC0415
    from gistwire_server.storage import open_store  # noqa: PLC0415

    config = load_config(config_file, data_dir=None if config_file else data_dir)
    encoder = await open_encoder(config)
    try:
        store = await open_store(config, model=encoder.model, dimension=encoder.dimension)
        try:
            yield config, store, encoder
        finally:
            await store.close()
    finally:
        await encoder.close()


def _in_cluster(store: "ArticleStore") -> "ElasticsearchStore":
    from gistwire_indexer.elasticsearch import ElasticsearchStore  # noqa: PLC0415

    if not isinstance(store, ElasticsearchStore):
        raise click.UsageError(
            "only an Elasticsearch index is rebuilt; ingest the articles into a new folder"
        )
    return store


def _run(work: Coroutine[Any, Any, None]) -> None:
    from gistwire_indexer.errors import GistwireIndexerError  # noqa: PLC0415
    from gistwire_models.errors import GistwireModelError  # noqa: PLC0415
    from gistwire_server.errors import ConfigurationError  # noqa: PLC0415

    try:
        asyncio.run(work)
    except (ConfigurationError, ValueError) as error:
        raise click.UsageError(folded(str(error))) from error
    except (GistwireIndexerError, GistwireModelError, OSError) as error:
        raise click.ClickException(folded(str(error))) from error


def _show_progress(progress: "RebuildProgress") -> None:
    share = 100 * progress.copied / progress.total if progress.total else 100
    click.echo(
        f"{progress.step}: {progress.copied:,} of {progress.total:,} articles ({share:.0f} %)", err=True
    )


def _readable(shown: dict[str, Any]) -> str:
    lines = [
        f"index      {shown['index']}, tenant {shown['tenant']}",
        f"articles   {shown['articles']:,}",
        f"summaries  {shown['summaries']:,} stored",
        f"on disk    {shown['bytesOnDisk'] / 1e6:,.1f} MB",
    ]
    for name in ("languages", "sources"):
        counted = sorted(shown[name].items(), key=lambda item: (-item[1], item[0]))[:10]
        told = ", ".join(f"{folded(key)} {count:,}" for key, count in counted)
        lines.append(f"{name:<10} {told or 'none'}")
    return "\n".join(lines)
