"""`gistwire keys`: makes, lists and revokes the API keys that a server takes."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gistwire_client.terminal.safe_text import folded

if TYPE_CHECKING:
    from gistwire_server.security.api_keys import ApiKey

_EXAMPLES = """\b
Examples:
  gistwire keys create site --file keys.json
  gistwire keys create crawler --role ingest --expires-days 90 --file keys.json
  gistwire keys list --file keys.json
  gistwire keys revoke 0f3c5a9b2d17 --file keys.json

\b
The server takes the keys of the file that its configuration names:
  [security]
  api_keys_file = "keys.json"
A change of the file takes effect within a second or so, without a restart.
"""

_DEFAULT_TENANT = "default"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _file_option(command: _Command) -> _Command:
    return click.option(
        "--file",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        required=True,
        envvar="GISTWIRE_KEYS_FILE",
        show_envvar=True,
        help="Where the keys are kept, hashed.",
    )(command)


def _json_option(command: _Command) -> _Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, one key a line.")(command)


@click.group(epilog=_EXAMPLES)
def keys() -> None:
    """Make, list and revoke the API keys that a server takes."""


@keys.command(epilog="\b\nExample:\n  gistwire keys create site --file keys.json > site.key")
@click.argument("name")
@click.option(
    "--role",
    "roles",
    type=click.Choice(["search", "ingest", "admin"]),
    multiple=True,
    default=["search"],
    show_default=True,
    help="What its holder may do; repeatable.",
)
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    default=[_DEFAULT_TENANT],
    show_default=True,
    help="Whose articles its holder may reach; repeatable.",
)
@click.option("--all-tenants", is_flag=True, help="Those of every tenant.")
@click.option(
    "--expires-days",
    type=click.FloatRange(min=0, min_open=True, max=36_500),
    metavar="DAYS",
    help="How long it is taken.  [default: until it is revoked]",
)
@_file_option
@_json_option
@click.pass_context
def create(
    context: click.Context,
    *,
    name: str,
    roles: Sequence[str],
    tenants: Sequence[str],
    all_tenants: bool,
    expires_days: float | None,
    path: Path,
    as_json: bool,
) -> None:
    """Make a key for the caller NAME, and print it: it can't be shown again.

    A caller may have several keys at a time, so that a new one can take the place of an old one.
    """
    from gistwire_indexer.index import check_tenant  # noqa: PLC0415
    from gistwire_server.security.api_key_file import add_api_key  # noqa: PLC0415
    from gistwire_server.security.api_keys import new_api_key  # noqa: PLC0415
    from gistwire_server.security.callers import Role, check_caller_name  # noqa: PLC0415

    try:
        check_caller_name(name)
        for tenant in tenants:
            check_tenant(tenant)
    except ValueError as error:
        raise click.UsageError(str(error), context) from error
    expires = None
    if expires_days is not None:
        expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=expires_days)
    key = new_api_key(name, [Role(role) for role in roles], None if all_tenants else tenants, expires=expires)
    with _explained_errors():
        add_api_key(path, key.kept)
    if as_json:
        click.echo(json.dumps({**_described(key.kept), "key": key.secret}))
        return
    click.echo(key.secret)
    click.echo(f"key {key.kept.id} of {name}: keep it now, it can't be shown again", err=True)


@keys.command("list", epilog="\b\nExample:\n  gistwire keys list --file keys.json --json | jq .id")
@_file_option
@_json_option
def list_keys(*, path: Path, as_json: bool) -> None:
    """List the keys: whose they are, and what they allow."""
    from gistwire_server.security.api_key_file import read_api_keys  # noqa: PLC0415

    with _explained_errors():
        found = read_api_keys(path)
    for key in found:
        described = _described(key)
        if as_json:
            click.echo(json.dumps(described))
            continue
        tenants = "all tenants" if key.tenants is None else ", ".join(key.tenants)
        expires = "does not expire" if key.expires is None else f"expires {key.expires:%Y-%m-%d %H:%M} UTC"
        roles = ", ".join(described["roles"])
        click.echo(f"{key.id}  {folded(key.name)}  {roles}  {folded(tenants)}  {expires}")


@keys.command(epilog="\b\nExample:\n  gistwire keys revoke 0f3c5a9b2d17 --file keys.json")
@click.argument("key_id", metavar="ID")
@_file_option
def revoke(*, key_id: str, path: Path) -> None:
    """Remove a key, named by its identifier: the digits after gw_."""
    from gistwire_server.security.api_key_file import remove_api_key  # noqa: PLC0415

    with _explained_errors():
        removed = remove_api_key(path, key_id)
    if not removed:
        raise click.ClickException(f"{path} has no key {folded(key_id)}")
    click.echo(f"key {key_id} is revoked")


def _described(key: "ApiKey") -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "roles": [role.value for role in key.roles],
        "tenants": None if key.tenants is None else list(key.tenants),
        "created": key.created.isoformat(),
        "expires": None if key.expires is None else key.expires.isoformat(),
    }


@contextmanager
def _explained_errors() -> Iterator[None]:
    from gistwire_server.errors import ConfigurationError  # noqa: PLC0415

    try:
        yield
    except ConfigurationError as error:
        raise click.ClickException(folded(str(error))) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
