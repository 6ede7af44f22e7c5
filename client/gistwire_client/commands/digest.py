"""`gistwire digest`: one text over several articles, with numbered citations, shown as it is composed."""

from contextlib import aclosing
from pathlib import Path
from typing import Unpack

import click

from gistwire_client.client import GistwireClient
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
from gistwire_client.summaries import DigestOptions
from gistwire_client.terminal import wording
from gistwire_client.terminal.digest_views import DigestView, open_digest_view

_EXAMPLES = """\b
Examples:
  gistwire digest "storms in the north"
  gistwire digest "interest rates" --filter 'language = "en"' --max-sentences 3
  gistwire digest --article 4f2c --article 77ab
  gistwire digest --topic 2026-10-05-f3 --json | jq .digest.sentences

\b
Each sentence ends in the numbers of the articles that support it. Where
sources say different things, that is named below the text.
"""


@click.command(epilog=_EXAMPLES)
@click.argument("query", default="")
@data_dir_option
@target_option
@tenant_option
@click.option(
    "--article", "article_ids", multiple=True, metavar="ID", help="An article it is of; repeatable."
)
@click.option("--topic", "topic_id", metavar="ID", default="", help="The topic it is of.")
@filter_option
@click.option(
    "--max-articles",
    type=click.IntRange(1, 50),
    default=10,
    show_default=True,
    help="Most articles to draw on.",
)
@click.option(
    "--max-sentences", type=click.IntRange(1, 20), default=5, show_default=True, help="Most sentences."
)
@click.option(
    "--deadline",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Time for the whole digest.  [default: the server's]",
)
@json_option
@click.pass_context
def digest(
    context: click.Context,
    *,
    query: str,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    article_ids: tuple[str, ...],
    topic_id: str,
    filter_: str,
    max_articles: int,
    max_sentences: int,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Write one text over several articles, each sentence with what supports it.

    Of QUERY it takes the best hits.
    """
    check_location(context)
    if sum(map(bool, (query, article_ids, topic_id))) != 1:
        raise click.UsageError("Give a QUERY, or --article, or --topic.", context)
    options = DigestOptions(filter=filter_, max_articles=max_articles, max_sentences=max_sentences)

    async def connect_and_digest() -> None:
        async with connect(target, data_dir, tenant) as client:
            await _show_digest(
                client,
                open_digest_view(as_json=as_json),
                query,
                article_ids=article_ids,
                topic_id=topic_id,
                timeout_s=timeout_s,
                **options,
            )

    run_to_end(connect_and_digest())


async def _show_digest(
    client: GistwireClient,
    view: DigestView,
    query: str,
    *,
    article_ids: tuple[str, ...],
    topic_id: str,
    timeout_s: float | None,
    **options: Unpack[DigestOptions],
) -> None:
    """Asks for a digest and shows it; then says on standard error what was done with less than was asked for."""
    degraded = []
    with view:
        responses = client.digest(
            query, article_ids=article_ids, topic_id=topic_id, timeout_s=timeout_s, **options
        )
        async with aclosing(responses) as events:
            async for event in events:
                view.show(event)
                if event.HasField("degraded"):
                    degraded.append(event.degraded)
    for each in degraded:
        click.echo(wording.degraded(each), err=True)
