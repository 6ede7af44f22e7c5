"""`gistwire serve`: a server, until it is told to end."""

import asyncio
from pathlib import Path

import click
from click.core import ParameterSource

from gistwire_client.commands.options import data_dir_option

_DEFAULT_HOST = "127.0.0.1"
_DEFAULT_PORT = 50051

_EXAMPLES = """\b
Examples:
  gistwire serve
  gistwire serve --port 50060 --data-dir ./news
  gistwire serve --config gistwire.toml
  gistwire serve --processes 4 --index elasticsearch
"""


@click.command(epilog=_EXAMPLES)
@click.option("--host", help=f"Address to listen at.  [default: {_DEFAULT_HOST}]")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help=f"Port; 0 for a free one.  [default: {_DEFAULT_PORT}]"
)
@click.option(
    "--processes", type=click.IntRange(1, 64), help="Server processes that share the port.  [default: 1]"
)
@click.option("--index", type=click.Choice(["embedded", "elasticsearch"]), help="Where articles are kept.")
@click.option("--models", type=click.Choice(["local", "triton"]), help="Where models run.")
@data_dir_option
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML file with any field of the configuration; options win over it.",
)
@click.pass_context
def serve(
    context: click.Context,
    *,
    host: str | None,
    port: int | None,
    processes: int | None,
    index: str | None,
    models: str | None,
    data_dir: Path,
    config_file: Path | None,
) -> None:
    """Run a server.

    It ends on SIGINT or SIGTERM, once the calls under way are done.
    """
    # Only commands that run a server wait for its imports.
    from gistwire_indexer.errors import GistwireIndexerError  # noqa: PLC0415
    from gistwire_models.errors import GistwireModelError  # noqa: PLC0415
    from gistwire_server.app import serve as serve_until_told  # noqa: PLC0415
    from gistwire_server.config import load_config  # noqa: PLC0415
    from gistwire_server.errors import ConfigurationError, GistwireServerError  # noqa: PLC0415

    # A folder that a file names goes before the default.
    default_folder = context.get_parameter_source("data_dir") is ParameterSource.DEFAULT
    try:
        config = load_config(
            config_file,
            listen=_address(host, port),
            processes=processes,
            index=index,
            models=models,
            data_dir=None if config_file and default_folder else data_dir,
        )
    except ConfigurationError as error:
        raise click.UsageError(str(error), context) from error
    try:
        if config.processes > 1:
            from gistwire_server.processes import serve_in_processes  # noqa: PLC0415

            serve_in_processes(config)
        else:
            asyncio.run(serve_until_told(config))
    except (GistwireIndexerError, GistwireModelError, GistwireServerError, OSError) as error:
        raise click.ClickException(f"the server cannot run: {error}") from error


def _address(host: str | None, port: int | None) -> str | None:
    """``HOST:PORT`` if either is given, else None for what the file or the default says."""
    if host is None and port is None:
        return None
    host = _DEFAULT_HOST if host is None else host
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{bracketed}:{_DEFAULT_PORT if port is None else port}"
