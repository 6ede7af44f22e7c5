"""`gistwire ingest`: articles of files, feeds and standard input into an index."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import click
from gistwire.v1.article_pb2 import (
    IngestAcknowledgement,
    IngestCompleted,
    IngestOptions,
    StreamIngestResponse,
)
from platformdirs import user_state_dir

from gistwire_client.checkpoints import CheckpointFile
from gistwire_client.client import GistwireClient
from gistwire_client.commands.options import (
    check_location,
    data_dir_option,
    json_option,
    target_option,
    tenant_option,
)
from gistwire_client.connection import connect
from gistwire_client.exit_status import run_to_end
from gistwire_client.ingestion import IngestEvent
from gistwire_client.source_articles import SourceArticles
from gistwire_client.source_progress import SourceProgress
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
  gistwire ingest large.jsonl.gz --visibility eventual

\b
A run over files that was interrupted goes on where it was when it is started
again. A run that came to its end starts anew: what is indexed is unchanged.

\b
JSON lines have the keys id (optional), headline, body, url, source,
language, category and published; other keys are kept as metadata.
"""

_REMOTE_DEAD_LETTER = Path("gistwire-dead-letter.jsonl")
_EMBEDDED_DEAD_LETTER = "dead-letter.jsonl"
_CHECKPOINTS = "ingest-checkpoints.db"

_LINE_SUFFIXES = (".jsonl", ".ndjson")
_COUNTED_CHUNK_BYTES = 1 << 20


@click.command(epilog=_EXAMPLES)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE... | -")
@data_dir_option
@target_option
@tenant_option
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
@click.option(
    "--visibility",
    type=click.Choice(["immediate", "awaited", "eventual"]),
    default="awaited",
    show_default=True,
    help="Whether an article is acknowledged once searches see it, by a refresh of the index for each batch "
    "(immediate) or by its next periodic one (awaited), or as soon as it is durable (eventual).",
)
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"Where it is kept how far files were acknowledged.  [default: {_CHECKPOINTS} in the data folder, or in "
    "the user's state folder with --target]",
)
@click.option("--no-checkpoint", is_flag=True, help="Begin anew, and keep no checkpoints.")
@json_option
@click.pass_context
def ingest(
    context: click.Context,
    *,
    sources: tuple[str, ...],
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    format_name: str,
    dead_letter: Path | None,
    visibility: str,
    checkpoint: Path | None,
    no_checkpoint: bool,
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
    options = IngestOptions(visibility=IngestOptions.Visibility.Value(visibility.upper()))
    if checkpoint is None:
        checkpoint = (Path(user_state_dir("gistwire")) if target else data_dir) / _CHECKPOINTS
    # What was acknowledged by one server, or for one tenant, says nothing of another.
    destination = (target or str(data_dir.resolve())) + (f" of {tenant}" if tenant else "")
    if not any(Path(source).is_file() for source in sources) or (no_checkpoint and not checkpoint.exists()):
        checkpoint = None

    async def connect_and_ingest() -> None:
        async with (
            connect(target, data_dir, tenant) as client,
            _source_progress(checkpoint, destination, sources, resume=not no_checkpoint) as progress,
        ):
            articles = SourceArticles(sources, SourceFormat(format_name), dead_letter or default, progress)
            skipped = _tell_resumptions(progress, sources)
            lines = await asyncio.to_thread(_count_lines, sources)
            total = None if lines is None else max(lines - skipped, 0)
            totals = await send(client, articles, options=options, total=total, as_json=as_json)
        click.echo(closing_line(totals, articles), err=as_json)

    try:
        run_to_end(connect_and_ingest())
    except SourceError as error:
        raise click.UsageError(folded(str(error)), context) from error


async def send(
    client: GistwireClient,
    articles: SourceArticles,
    *,
    options: IngestOptions | None = None,
    total: int | None,
    as_json: bool,
) -> IngestCompleted:
    """Sends the articles and shows progress; returns the totals.

    Args:
        client: the server.
        articles: what to send.
        options: how they are indexed; None for the server's defaults.
        total: number of articles, for the progress bar; None if unknown.
        as_json: whether to print each event.
    """
    totals: IngestCompleted | None = None
    acknowledged = rejected = 0
    try:
        with open_progress(total) as progress:
            async with aclosing(client.ingest(articles.read(), options=options)) as events:
                async for event in events:
                    if as_json:
                        write_json_line(_response(event))
                    if isinstance(event, IngestCompleted):
                        totals = event
                        continue
                    await articles.settle(event)
                    acknowledged += 1
                    rejected += event.outcome == IngestAcknowledgement.REJECTED
                    progress.update(
                        done=acknowledged + articles.unreadable, rejected=rejected + articles.unreadable
                    )
    finally:
        await articles.close(finished=totals is not None)
    return totals or IngestCompleted()


def _tell_resumptions(progress: SourceProgress | None, sources: Sequence[str]) -> int:
    """Says on standard error which sources are not read from the beginning; returns the number of records skipped."""
    if progress is None:
        return 0
    skipped = 0
    for place, source in enumerate(sources):
        start = progress.start(place)
        skipped += start.records
        name = folded(source)
        if start.complete:
            click.echo(f"{name} was indexed to its end by the run that is resumed", err=True)
        elif start.line is not None:
            click.echo(f"resuming {name} at line {start.line + 1}", err=True)
        elif start.records:
            click.echo(f"resuming {name} after {start.records} articles", err=True)
    return skipped


@asynccontextmanager
async def _source_progress(
    path: Path | None, destination: str, sources: Sequence[str], *, resume: bool
) -> AsyncIterator[SourceProgress | None]:
    """Opens the checkpoints of sources, if there is a file for them; without resuming, drops them and keeps none."""
    if path is None:
        yield None
        return
    file = await asyncio.to_thread(CheckpointFile, path, destination)
    try:
        progress = await asyncio.to_thread(SourceProgress.open, file, sources)
        if not resume:
            await progress.forget()
        yield progress if resume else None
    finally:
        file.close()


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
