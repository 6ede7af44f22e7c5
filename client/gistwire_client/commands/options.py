"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from gistwire.v1 import specs_pb2
from platformdirs import user_data_dir

SUMMARY_MODES = {
    "none": specs_pb2.SummarySpec.NONE,
    "stored": specs_pb2.SummarySpec.STORED,
    "fast": specs_pb2.SummarySpec.FAST,
    "best": specs_pb2.SummarySpec.BEST,
}
"""Values of ``--summaries``."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def data_dir_option(command: _Command) -> _Command:
    """``--data-dir``: the folder of the embedded index."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=lambda: Path(user_data_dir("gistwire")),
        envvar="GISTWIRE_DATA_DIR",
        show_envvar=True,
        show_default="the user's data folder",
        help="Folder of the index; a server over it runs in this process.",
    )(command)


def target_option(command: _Command) -> _Command:
    """``--target``: a server that runs elsewhere, instead of ``--data-dir``."""
    return click.option(
        "--target", metavar="HOST:PORT", callback=_check_target, help="Server to ask, instead of --data-dir."
    )(command)


def summaries_option(command: _Command) -> _Command:
    """``--summaries``: one of SUMMARY_MODES."""
    return click.option(
        "--summaries",
        type=click.Choice(list(SUMMARY_MODES)),
        default="best",
        show_default=True,
        help="How much is done for a summary.",
    )(command)


def filter_option(command: _Command) -> _Command:
    """``--filter``: which articles take part; the parameter is ``filter_``."""
    return click.option(
        "--filter", "filter_", metavar="EXPR", default="", help="Which articles take part (AIP-160)."
    )(command)


def tenant_option(command: _Command) -> _Command:
    """``--tenant``: whose articles the command is about."""
    return click.option(
        "--tenant",
        metavar="NAME",
        envvar="GISTWIRE_TENANT",
        show_envvar=True,
        help="Whose articles; a server elsewhere must know the tenant.  [default: the default tenant]",
    )(command)


def json_option(command: _Command) -> _Command:
    """``--json``: one event a line."""
    return click.option("--json", "as_json", is_flag=True, help="Print one event a line, as proto3 JSON.")(
        command
    )


def check_location(context: click.Context) -> None:
    """Refuses ``--data-dir`` together with ``--target``; the environment may name a folder all the same."""
    given = context.get_parameter_source("data_dir") is ParameterSource.COMMANDLINE
    if given and context.params.get("target") is not None:
        raise click.UsageError("--data-dir and --target exclude each other.", context)


def _check_target(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and ":" not in value:
        raise click.BadParameter("expected HOST:PORT, such as 127.0.0.1:50051", context, parameter)
    return value
