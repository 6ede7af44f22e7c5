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

CONNECTION_META = "gistwire.connection"
"""What the keys of a context begin with under which options of a connection are kept."""

_CONNECTION_FILES = (
    ("--ca-file", "GISTWIRE_CA_FILE", "Certificates that sign the server's, in PEM."),
    ("--client-certificate", "GISTWIRE_CLIENT_CERTIFICATE", "Your certificate, in PEM."),
    ("--client-key", "GISTWIRE_CLIENT_KEY", "Its private key, in PEM."),
    (
        "--api-key-file",
        "GISTWIRE_API_KEY_FILE",
        "File with your API key or token; without it the environment's GISTWIRE_API_KEY.",
    ),
)
"""Name, variable and help of each."""

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
    """``--target``: a server that runs elsewhere, instead of ``--data-dir``; with how it is connected to.

    The command gets the target alone. The rest is in its context, where `connection.connect` finds it.
    """
    option = click.option(
        "--target",
        metavar="HOST:PORT",
        envvar="GISTWIRE_TARGET",
        show_envvar=True,
        callback=_check_target,
        help="Server to ask, instead of --data-dir.",
    )
    return option(_connection_options(command))


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


def explain_option(command: _Command) -> _Command:
    """``--explain``: why each hit is here and in its place, and what supports its summary."""
    return click.option(
        "--explain", is_flag=True, help="Say why each hit is in its place, and what supports its summary."
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
    # What is typed goes before what the environment says.
    typed_folder = context.get_parameter_source("data_dir") is ParameterSource.COMMANDLINE
    if typed_folder and context.get_parameter_source("target") is ParameterSource.ENVIRONMENT:
        return None
    if value is not None and ":" not in value:
        raise click.BadParameter("expected HOST:PORT, such as 127.0.0.1:50051", context, parameter)
    return value


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if parameter.name is not None:
        context.meta[f"{CONNECTION_META}.{parameter.name}"] = value


def _connection_options(command: _Command) -> _Command:
    """How a server elsewhere is connected to; they are put on from the last to the first."""
    command = click.option(
        "--allow-plaintext-credentials",
        is_flag=True,
        expose_value=False,
        callback=_keep,
        help="Send key or token to another machine without TLS, in a network that is yours alone.",
    )(command)
    for name, variable, text in reversed(_CONNECTION_FILES):
        command = click.option(
            name,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            envvar=variable,
            show_envvar=True,
            expose_value=False,
            callback=_keep,
            help=text,
        )(command)
    return click.option(
        "--tls",
        is_flag=True,
        envvar="GISTWIRE_TLS",
        show_envvar=True,
        expose_value=False,
        callback=_keep,
        help="Connect with TLS; the next three do so, too.",
    )(command)
