"""`gistwire event`: tells the server what users did, shows what is known of them, and erases them."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar

import click
from gistwire.v1.user_event_pb2 import PurgeUserResponse, UserEvent
from google.protobuf.json_format import Parse, ParseError

from gistwire_client.client import GistwireClient
from gistwire_client.commands.options import check_location, data_dir_option, target_option, tenant_option
from gistwire_client.connection import connect
from gistwire_client.exit_status import ExitStatus, run_to_end
from gistwire_client.terminal.profile import profile_lines
from gistwire_client.terminal.safe_text import folded
from gistwire_client.terminal.views import write_json_line
from gistwire_client.terminal.wording import counted
from gistwire_client.user_events import MAX_EVENTS

_EXAMPLES = """\b
Examples:
  gistwire event write ada 4f2c like
  gistwire event write ada 4f2c rate-summary --rating 0.8
  gistwire event write --from events.jsonl
  gistwire event interests ada "offshore wind" chess
  gistwire event profile ada --json | jq .interests
  gistwire event purge ada --yes
"""

_WRITE_EXAMPLES = """\b
Examples:
  gistwire event write ada 4f2c click --token "$TOKEN"
  gistwire event write ada 4f2c rate-article --rating 1
  zcat events.jsonl.gz | gistwire event write --from -

\b
Each line of a file is a JSON object with the keys eventId, userId, articleId
and kind, and maybe rating, occurred and attributionToken:
  {"eventId": "e1", "userId": "ada", "articleId": "4f2c", "kind": "CLICK"}
An event that was written before has no effect, so a file may be sent again.

\b
Exit status: 3 if an event was refused; the others are written all the same.
"""

_KINDS = {
    "view": UserEvent.VIEW,
    "click": UserEvent.CLICK,
    "like": UserEvent.LIKE,
    "rate-article": UserEvent.RATE_ARTICLE,
    "rate-summary": UserEvent.RATE_SUMMARY,
    "dismiss": UserEvent.DISMISS,
}

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _json_option(command: _Command) -> _Command:
    return click.option("--json", "as_json", is_flag=True, help="Print the answer as proto3 JSON.")(command)


@click.group(epilog=_EXAMPLES)
def event() -> None:
    """Tell what users did with articles; show and erase what is known of them."""


@event.command(epilog=_WRITE_EXAMPLES)
@click.argument("user", required=False)
@click.argument("article", required=False)
@click.argument("kind", required=False, type=click.Choice(list(_KINDS)))
@click.option("--rating", type=click.FloatRange(0, 1), help="The rating, for rate-article and rate-summary.")
@click.option("--token", default="", metavar="TOKEN", help="attributionToken of the results it was among.")
@click.option("--id", "event_id", metavar="ID", help="Identifier by which repetitions are known.")
@click.option(
    "--from", "source", type=click.File(encoding="utf-8"), metavar="FILE|-", help="Read JSON lines of events."
)
@data_dir_option
@target_option
@tenant_option
@_json_option
@click.pass_context
def write(
    context: click.Context,
    *,
    user: str | None,
    article: str | None,
    kind: str | None,
    rating: float | None,
    token: str,
    event_id: str | None,
    source: IO[str] | None,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Write events: the one that is named, or those of a file or of standard input."""
    check_location(context)
    if source is not None:
        if user is not None or rating is not None or token or event_id:
            raise click.UsageError("--from excludes the event's own arguments and options.", context)
        events: Iterable[UserEvent] = _EventLines(source)
    elif user is None or article is None or kind is None:
        raise click.UsageError("USER, ARTICLE and KIND are needed, or --from.", context)
    else:
        named = UserEvent(
            event_id=event_id or uuid.uuid4().hex,
            user_id=user,
            article_id=article,
            kind=_KINDS[kind],
            rating=rating,
            attribution_token=token,
        )
        events = [named]

    async def connect_and_write() -> None:
        async with connect(target, data_dir, tenant) as client:
            written, repeated, refused = await _send(client, events, as_json=as_json)
        if isinstance(events, _EventLines):
            refused += events.unreadable
        click.echo(f"{written:,} written, {repeated:,} repeated, {refused:,} refused", err=as_json)
        if refused:
            raise click.exceptions.Exit(ExitStatus.REFUSED)

    run_to_end(connect_and_write())


@event.command(epilog="\b\nExample:\n  gistwire event profile ada")
@click.argument("user")
@data_dir_option
@target_option
@tenant_option
@_json_option
@click.pass_context
def profile(
    context: click.Context,
    *,
    user: str,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Show what is known of a user: interests, tags, the latest events."""
    check_location(context)

    async def connect_and_show() -> None:
        async with connect(target, data_dir, tenant) as client:
            shown = await client.user_profile(user)
        if as_json:
            write_json_line(shown)
        else:
            click.echo("\n".join(profile_lines(shown)))

    run_to_end(connect_and_show())


@event.command(
    epilog='\b\nExamples:\n  gistwire event interests ada "offshore wind" chess\n'
    "  gistwire event interests ada --none"
)
@click.argument("user")
@click.argument("tags", nargs=-1, metavar="TAG...")
@click.option("--none", "no_tags", is_flag=True, help="Drop the interests that were stated.")
@data_dir_option
@target_option
@tenant_option
@_json_option
@click.pass_context
def interests(
    context: click.Context,
    *,
    user: str,
    tags: Sequence[str],
    no_tags: bool,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Say in words what interests a user; replaces what was said before."""
    check_location(context)
    if bool(tags) == no_tags:
        raise click.UsageError("Either TAG... or --none is needed.", context)

    async def connect_and_update() -> None:
        async with connect(target, data_dir, tenant) as client:
            updated = await client.update_user_profile(user, tags)
        if as_json:
            write_json_line(updated)
        else:
            click.echo(f"interests: {', '.join(map(folded, updated.tags)) or 'none'}")

    run_to_end(connect_and_update())


@event.command(epilog="\b\nExample:\n  gistwire event purge ada --yes")
@click.argument("user")
@click.confirmation_option(
    "--yes", prompt="Erase all that is known of this user?", help="Erase without asking."
)
@data_dir_option
@target_option
@tenant_option
@_json_option
@click.pass_context
def purge(
    context: click.Context,
    *,
    user: str,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Erase a user with all that was derived from their events, also from the files on disk."""
    check_location(context)

    async def connect_and_purge() -> None:
        async with connect(target, data_dir, tenant) as client:
            erased = await client.purge_user(user)
        if as_json:
            write_json_line(PurgeUserResponse(erased_event_count=erased))
        else:
            click.echo(f"{counted(erased, 'event')} erased")

    run_to_end(connect_and_purge())


async def _send(
    client: GistwireClient, events: Iterable[UserEvent], *, as_json: bool
) -> tuple[int, int, int]:
    """Writes events, and says which are refused; returns how many were written, repeated and refused."""
    written = repeated = refused = 0
    left = iter(events)
    while batch := list(islice(left, MAX_EVENTS)):
        response = await client.write_user_events(batch)
        if as_json:
            write_json_line(response)
        for each in response.refused:
            click.echo(f"refused: {folded(each.event_id)}: {folded(each.status.message)}", err=True)
        written += response.written_count
        repeated += response.repeated_count
        refused += len(response.refused)
    return written, repeated, refused


class _EventLines:
    """The events of JSON lines; lines that hold none are named on standard error.

    Attributes:
        unreadable: number of those lines so far.
    """

    def __init__(self, lines: IO[str]) -> None:
        self.unreadable = 0
        self._lines = lines

    def __iter__(self) -> Iterator[UserEvent]:
        for number, line in enumerate(self._lines, start=1):
            if not line.strip():
                continue
            try:
                yield Parse(line, UserEvent())
            except ParseError as error:
                self.unreadable += 1
                click.echo(f"unreadable: line {number}: {folded(str(error))}", err=True)
