"""`gistwire ingest`: articles of files, feeds and standard input into an index."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import click
from gistwire.v1.article_pb2 import IngestAcknowledgement, IngestCompleted, StreamIngestResponse

from gistwire_client.client import GistwireClient
from gistwire_client.commands.options import check_location, data_dir_option, json_option, target_option
from gistwire_client.connection import connect
from gistwire_client.exit_status import run_to_end
from gistwire_client.ingestion import IngestEvent
from gistwire_client.source_articles import SourceArticles
from gistwire_client.terminal.ingest_progress import open_progress
from gistwire_client.terminal.safe_text import folded
from gistwire_client.terminal.views import write_json_line
from gistwire_client.terminal.wording import counted

_EXAMPLES = """\b
Examples:
  gistwire ingest news.jsonl archive.csv.gz
  gistwire ingest https://news.example/feed.xml
  zcat news.jsonl.gz | gistwire ingest - --format jsonl
  gistwire ingest news.jsonl --target news.example:50051 --dead-letter refused.jsonl

\b
JSON lines have the keys id (optional), headline, body, url, source,
language, category and published; other keys are kept as metadata.
"""

_REMOTE_DEAD_LETTER = Path("gistwire-dead-letter.jsonl")
_EMBEDDED_DEAD_LETTER = "dead-letter.jsonl"

_LINE_SUFFIXES = (".jsonl", ".ndjson")
_COUNTED_CHUNK_BYTES = 1 << 20


@click.command(epilog=_EXAMPLES)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE... | -")
@data_dir_option
@target_option
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["auto", "jsonl", "csv", "feed"]),
    default="auto",
    show_default=True,
    help="How articles are written.",
)
@click.option(
    "--dead-letter",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where refused articles go.  [default: dead-letter.jsonl in the data folder, or "
    f"./{_REMOTE_DEAD_LETTER} with --target]",
)
@json_option
@click.pass_context
def ingest(
    context: click.Context,
    *,
    sources: tuple[str, ...],
    data_dir: Path,
    target: str | None,
    format_name: str,
    dead_letter: Path | None,
    as_json: bool,
) -> None:
    """Index articles from files, feeds or standard input.

    Articles that cannot be read, or that the server rejects, are kept with line number and reason in the
    dead-letter file; the others are indexed all the same.
    """
    from gistwire_indexer.errors import SourceError  # noqa: PLC0415
    from gistwire_indexer.sources import SourceFormat  # noqa: PLC0415

    check_location(context)
    default = _REMOTE_DEAD_LETTER if target else data_dir / _EMBEDDED_DEAD_LETTER

    async def connect_and_ingest() -> None:
        articles = SourceArticles(sources, SourceFormat(format_name), dead_letter or default)
        total = await asyncio.to_thread(_count_lines, sources)
        async with connect(target, data_dir) as client:
            totals = await send(client, articles, total=total, as_json=as_json)
        click.echo(closing_line(totals, articles), err=as_json)

    try:
        run_to_end(connect_and_ingest())
    except SourceError as error:
        raise click.UsageError(folded(str(error)), context) from error


async def send(
    client: GistwireClient, articles: SourceArticles, *, total: int | None, as_json: bool
) -> IngestCompleted:
    """Sends the articles and shows progress; returns the totals.

    Args:
        client: the server.
        articles: what to send.
        total: number of articles, for the progress bar; None if unknown.
        as_json: whether to print each event.
    """
    totals = IngestCompleted()
    try:
        with open_progress(total) as progress:
            async with aclosing(client.ingest(articles.read())) as events:
                async for event in events:
                    if as_json:
                        write_json_line(_response(event))
                    if isinstance(event, IngestCompleted):
                        totals = event
                    else:
                        await articles.settle(event)
                        progress.advance()
    finally:
        articles.close()
    return totals


def closing_line(totals: IngestCompleted, articles: SourceArticles) -> str:
    """What became of the articles, in a line."""
    refused = totals.rejected + articles.unreadable
    parts = [
        f"{totals.created:,} created",
        f"{totals.updated:,} updated",
        f"{totals.unchanged:,} unchanged",
        counted(totals.near_duplicates, "near-duplicate"),
        f"{refused:,} rejected" + (f" (see {articles.dead_letter_path})" if refused else ""),
    ]
    return ", ".join(parts)


def _response(event: IngestEvent) -> StreamIngestResponse:
    if isinstance(event, IngestAcknowledgement):
        return StreamIngestResponse(acknowledgement=event)
    return StreamIngestResponse(completed=event)


def _count_lines(sources: Sequence[str]) -> int | None:
    """Number of lines in all sources, if each is a file of JSON lines; else None."""
    total = 0
    for source in sources:
        path = Path(source)
        if path.suffix not in _LINE_SUFFIXES or not path.is_file():
            return None
        with path.open("rb") as file:
            while chunk := file.read(_COUNTED_CHUNK_BYTES):
                total += chunk.count(b"\n")
    return total
