"""`remote_client`: a client of a server elsewhere, connected to as a command's options and the environment say."""

import os
from pathlib import Path

import click
import grpc

from gistwire_client.client import GistwireClient
from gistwire_client.commands.options import CONNECTION_META
from gistwire_client.credentials import tls_credentials

_API_KEY_VARIABLE = "GISTWIRE_API_KEY"


def remote_client(target: str, tenant: str | None) -> GistwireClient:
    """Makes a client; nothing is sent yet.

    Args:
        target: where the server is.
        tenant: whose articles all calls are about; None for the default tenant.

    Raises:
        click.UsageError: the options contradict each other, or a file cannot be used.
    """
    context = click.get_current_context(silent=True)
    given = {} if context is None else context.meta

    def file(name: str) -> Path | None:
        path = given.get(f"{CONNECTION_META}.{name}")
        return path if isinstance(path, Path) else None

    files = {
        "ca_file": file("ca_file"),
        "certificate_file": file("client_certificate"),
        "key_file": file("client_key"),
    }
    encrypted = bool(given.get(f"{CONNECTION_META}.tls")) or any(files.values())
    try:
        credentials: grpc.ChannelCredentials | None = tls_credentials(**files) if encrypted else None
        return GistwireClient(
            target,
            credentials=credentials,
            api_key=_api_key(file("api_key_file")),
            allow_plaintext_credentials=bool(given.get(f"{CONNECTION_META}.allow_plaintext_credentials")),
            tenant=tenant,
        )
    except OSError as error:
        raise click.UsageError(f"{error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise click.UsageError(_in_options(str(error))) from error


def _api_key(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get(_API_KEY_VARIABLE) or None
    return path.read_text(encoding="utf-8").strip()


def _in_options(message: str) -> str:
    """A message of the library, in the words of the command line."""
    for name, option in (
        ("certificate_file", "--client-certificate"),
        ("key_file", "--client-key"),
        ("allow_plaintext_credentials", "--allow-plaintext-credentials"),
        ("use TLS", "use --tls"),
        ("api_key", "the API key"),
    ):
        message = message.replace(name, option)
    return message
