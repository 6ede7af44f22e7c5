"""`gistwire topics`: the stories of a time window, shown live in a terminal, in plain lines or as JSON lines."""

import re
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from gistwire_client.commands.options import (
    check_location,
    data_dir_option,
    filter_option,
    json_option,
    target_option,
    tenant_option,
)
from gistwire_client.connection import connect
from gistwire_client.exit_status import run_to_end
from gistwire_client.terminal import wording
from gistwire_client.terminal.topic_views import open_topic_view

_EXAMPLES = """\b
Examples:
  gistwire topics
  gistwire topics --window 7d --filter 'language = "zh"' --limit 5
  gistwire topics --until 2026-10-05 --window 48h --no-digests
  gistwire topics --target news.example:50051 --json | jq .topic.keywords

\b
A story's bar shows its articles over the window, oldest first. Its
identifier is what `gistwire digest --topic` takes.
"""

_WINDOW = re.compile(r"(\d{1,5})\s*([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def _window(_context: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    match = _WINDOW.fullmatch(value.strip().lower())
    if match is None:
        raise click.BadParameter(f"{value!r} is no length such as 24h, 7d or 2w")
    window = int(match[1]) * _UNITS[match[2]]
    if not timedelta(hours=1) <= window <= timedelta(days=90):
        raise click.BadParameter("must be from 1 hour to 90 days")
    return window


def _until(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no date or time, such as 2026-10-05T18:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command(epilog=_EXAMPLES)
@data_dir_option
@target_option
@tenant_option
@click.option(
    "--window", metavar="LENGTH", default="24h", show_default=True, callback=_window, help="As 24h, 7d or 2w."
)
@click.option(
    "--until",
    metavar="TIME",
    callback=_until,
    help="End of the window, in UTC unless it says otherwise.  [default: now]",
)
@filter_option
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="Topics wanted.")
@click.option("--digests/--no-digests", default=True, show_default=True, help="Whether each gets a digest.")
@click.option(
    "--deadline",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Time for it all.  [default: the server's]",
)
@json_option
@click.pass_context
def topics(
    context: click.Context,
    *,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    window: timedelta,
    until: datetime | None,
    filter_: str,
    limit: int,
    digests: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Show the stories of a time window, by size and momentum, with their digests."""
    check_location(context)

    async def connect_and_show() -> None:
        degraded = []
        async with connect(target, data_dir, tenant) as client:
            view = open_topic_view(as_json=as_json)
            responses = client.topics(
                window=window,
                until=until,
                filter=filter_,
                max_topics=limit,
                digests=digests,
                timeout_s=timeout_s,
            )
            with view:
                async with aclosing(responses) as events:
                    async for event in events:
                        view.show(event)
                        if event.HasField("degraded"):
                            degraded.append(event.degraded)
        for each in degraded:
            click.echo(wording.degraded(each), err=True)

    run_to_end(connect_and_show())
