"""`gistwire watch`: past hits, and then each new article that matches, until it is interrupted."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import click
from gistwire.v1 import search_pb2, specs_pb2

from gistwire_client.client import GistwireClient
from gistwire_client.commands.options import (
    SUMMARY_MODES,
    check_location,
    data_dir_option,
    filter_option,
    json_option,
    summaries_option,
    target_option,
    tenant_option,
)
from gistwire_client.connection import connect
from gistwire_client.exit_status import run_to_end
from gistwire_client.terminal import wording
from gistwire_client.terminal.watch_views import WatchView, open_watch_view
from gistwire_client.watch_state import WatchState

_EXAMPLES = """\b
Examples:
  gistwire watch "storms in the north"
  gistwire watch "interest rates" --past 0 --filter 'language = "en"'
  gistwire watch "wind power" --target news.example:50051 --state wind.token
  gistwire watch "wind power" --summaries none --json | jq .hits

\b
With --state, a watch that was interrupted goes on where it was when it is
started again, and shows what came in the meantime.
"""


@click.command(epilog=_EXAMPLES)
@click.argument("query")
@data_dir_option
@target_option
@tenant_option
@click.option(
    "--past", "past_hits", type=click.IntRange(0, 100), default=10, show_default=True, help="Past hits first."
)
@click.option(
    "--min-similarity",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Least similarity of new articles that lack a word of the query.  [default: the server's]",
)
@summaries_option
@filter_option
@click.option(
    "--resume", "resume_token", metavar="TOKEN", default="", help="Go on after the event with this token."
)
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keeps the token of the last event; where there is one, the watch goes on after it.",
)
@json_option
@click.pass_context
def watch(
    context: click.Context,
    *,
    query: str,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    past_hits: int,
    min_similarity: float | None,
    summaries: str,
    filter_: str,
    resume_token: str,
    state_file: Path | None,
    as_json: bool,
) -> None:
    """Show past hits, and then each new article that matches."""
    check_location(context)
    if resume_token and state_file is not None:
        raise click.UsageError("--resume and --state exclude each other.", context)
    request = search_pb2.WatchRequest(
        query=query,
        filter=filter_,
        past_hits=past_hits,
        min_similarity=min_similarity,
        # Lines show whole summaries.
        summary=specs_pb2.SummarySpec(mode=SUMMARY_MODES[summaries], stream_drafts=as_json),
        resume_token=resume_token,
    )
    state = None if state_file is None else WatchState(state_file)

    async def connect_and_watch() -> None:
        if state is not None:
            request.resume_token = await asyncio.to_thread(state.load)
        async with connect(target, data_dir, tenant) as client:
            await _show_watch(client, open_watch_view(as_json=as_json), request, state)

    run_to_end(connect_and_watch())


async def _show_watch(
    client: GistwireClient, view: WatchView, request: search_pb2.WatchRequest, state: WatchState | None
) -> None:
    """Watches and shows it; keeps each new token, once its event was shown."""
    token = request.resume_token
    accepted = False
    responses = client.watch(
        request.query,
        filter=request.filter,
        past_hits=request.past_hits,
        min_similarity=request.min_similarity if request.HasField("min_similarity") else None,
        summary=request.summary,
        resume_token=request.resume_token,
    )
    async with aclosing(responses) as events:
        async for event in events:
            view.show(event)
            if event.HasField("degraded"):
                click.echo(wording.degraded(event.degraded), err=True)
            if event.HasField("started"):
                if accepted:
                    click.echo("the connection broke, and the watch goes on", err=True)
                accepted = True
            if state is not None and event.resume_token != token:
                token = event.resume_token
                await asyncio.to_thread(state.save, token)
