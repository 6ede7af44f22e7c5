"""`gistwire recommend`: news for a user, with the reason of each article, shown as searches are."""

from contextlib import aclosing
from pathlib import Path

import click
from gistwire.v1 import specs_pb2

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
from gistwire_client.terminal.views import open_view

_EXAMPLES = """\b
Examples:
  gistwire recommend ada
  gistwire recommend ada --limit 20 --explore 0.3 --filter 'published >= "2026-10-01"'
  gistwire recommend ada --target news.example:50051 --json | jq .reasons

\b
What a user reads, likes, rates and dismisses is told by `gistwire event`. One who
is not known gets what is popular and fresh.
"""


@click.command(epilog=_EXAMPLES)
@click.argument("user")
@data_dir_option
@target_option
@tenant_option
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="Hits wanted.")
@click.option(
    "--explore",
    "exploration",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Share of hits from outside the known interests.  [default: the server's]",
)
@summaries_option
@filter_option
@click.option(
    "--deadline",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Time for it all.  [default: the server's]",
)
@explain_option
@json_option
@click.pass_context
def recommend(
    context: click.Context,
    *,
    user: str,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    limit: int,
    exploration: float | None,
    summaries: str,
    filter_: str,
    timeout_s: float | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Recommend news to a user, and say why."""
    check_location(context)
    summary = specs_pb2.SummarySpec(mode=SUMMARY_MODES[summaries])

    async def connect_and_recommend() -> None:
        degraded = []
        async with connect(target, data_dir, tenant) as client:
            with open_view(as_json=as_json, title=f"news for {user}") as view:
                stream = client.recommend(
                    user,
                    top_k=limit,
                    filter=filter_,
                    exploration=exploration,
                    summary=summary,
                    explain=explain,
                    timeout_s=timeout_s,
                )
                async with aclosing(stream) as events:
                    async for event in events:
                        view.show(event)
                        if event.HasField("degraded"):
                            degraded.append(event.degraded)
        for each in degraded:
            click.echo(wording.degraded(each), err=True)

    run_to_end(connect_and_recommend())
