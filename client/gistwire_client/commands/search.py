"""`gistwire search`: one search, shown live in a terminal, in plain lines in a pipe, or as JSON lines."""

from contextlib import aclosing
from pathlib import Path
from typing import Unpack

import click
from gistwire.v1 import specs_pb2

from gistwire_client.client import GistwireClient, SearchOptions
from gistwire_client.commands.options import (
    SUMMARY_MODES,
    check_location,
    data_dir_option,
    explain_option,
    filter_option,
    json_option,
    summaries_option,
    target_option,
    tenant_option,
)
from gistwire_client.connection import connect
from gistwire_client.exit_status import run_to_end
from gistwire_client.terminal import wording
from gistwire_client.terminal.views import SearchView, open_view

_EXAMPLES = """\b
Examples:
  gistwire search "storms in the north"
  gistwire search "interest rates" --filter 'language = "en" AND published >= "2026-10-01"'
  gistwire search "wind power" --summaries fast --deadline 0.5
  gistwire search "wind power" --limit 3 --explain
  gistwire search "wind power" --target news.example:50051 --json | jq .summary.text
"""


@click.command(epilog=_EXAMPLES)
@click.argument("query")
@data_dir_option
@target_option
@tenant_option
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="Hits wanted.")
@summaries_option
@filter_option
@click.option(
    "--interest", "interests", multiple=True, metavar="TEXT", help="What interests you; repeatable."
)
@click.option("--user", metavar="ID", default="", help="User whose profile is taken into account.")
@click.option(
    "--deadline",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Time for the whole search.  [default: the server's]",
)
@explain_option
@json_option
@click.pass_context
def search(
    context: click.Context,
    *,
    query: str,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    limit: int,
    summaries: str,
    filter_: str,
    interests: tuple[str, ...],
    user: str,
    timeout_s: float | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Search, and watch hits, summaries and their order come in."""
    check_location(context)
    options = SearchOptions(
        filter=filter_,
        summary=specs_pb2.SummarySpec(mode=SUMMARY_MODES[summaries]),
        user=specs_pb2.UserContext(user_id=user, interests=interests),
        explain=explain,
    )

    async def connect_and_search() -> None:
        async with connect(target, data_dir, tenant) as client:
            view = open_view(as_json=as_json)
            await show_search(client, view, query, top_k=limit, timeout_s=timeout_s, **options)

    run_to_end(connect_and_search())


async def show_search(
    client: GistwireClient,
    view: SearchView,
    query: str,
    *,
    top_k: int,
    timeout_s: float | None,
    **options: Unpack[SearchOptions],
) -> None:
    """Searches and shows it; then says on standard error what was done with less than was asked for."""
    degraded = []
    with view:
        search = client.stream_search(query, top_k=top_k, timeout_s=timeout_s, **options)
        async with aclosing(search) as events:
            async for event in events:
                view.show(event)
                if event.HasField("degraded"):
                    degraded.append(event.degraded)
    for each in degraded:
        click.echo(wording.degraded(each), err=True)
