"""`gistwire crawl`: follows feeds, and keeps an index in step with them."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from gistwire_client.client import GistwireClient
from gistwire_client.commands.options import (
    check_location,
    data_dir_option,
    json_option,
    target_option,
    tenant_option,
)
from gistwire_client.connection import connect
from gistwire_client.errors import CallFailedError, GistwireClientError, RequestRefusedError, UnreachableError
from gistwire_client.exit_status import run_to_end
from gistwire_client.ingest_sink import IngestSink
from gistwire_client.ingestion import IngestRetry
from gistwire_client.terminal.crawl_progress import plan_lines, report_line, totals_line
from gistwire_client.terminal.safe_text import escaped, folded

if TYPE_CHECKING:
    from gistwire_indexer.crawler import CrawlConfiguration, Crawler, CrawlState, FeedReport
    from gistwire_indexer.dead_letter import DeadLetterFile

_EXAMPLES = """\b
Examples:
  gistwire crawl feeds.yaml --check
  gistwire crawl feeds.yaml --once
  gistwire crawl feeds.yaml --target news.example:50051 --state crawl.sqlite3

\b
A configuration:
  settings:
    contact: https://news.example/crawler
  feeds:
    - url: https://wire.example/rss.xml
      name: Example Wire
      every: 15m
      full_text: true
"""

_REMOTE_STATE = Path("gistwire-crawl.sqlite3")
_EMBEDDED_STATE = "crawl.sqlite3"
_REMOTE_DEAD_LETTER = Path("gistwire-dead-letter.jsonl")
_EMBEDDED_DEAD_LETTER = "dead-letter.jsonl"

# How a server is waited for that was reached before. Tries are not counted.
_RETRY = IngestRetry(initial_backoff_s=5.0, max_backoff_s=60.0)
_MAX_DOUBLINGS = 8

_Crawl: TypeAlias = Callable[["Crawler"], Coroutine[Any, Any, None]]


@click.command(epilog=_EXAMPLES)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FEEDS.YAML")
@click.option("--once", is_flag=True, help="Ask each feed that is due once, and end.")
@click.option("--check", is_flag=True, help="Only check the configuration, and print the plan.")
@data_dir_option
@target_option
@tenant_option
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"What is remembered between runs.  [default: {_EMBEDDED_STATE} in the data folder, or "
    f"./{_REMOTE_STATE} with --target]",
)
@click.option(
    "--dead-letter",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"Where refused articles go.  [default: {_EMBEDDED_DEAD_LETTER} in the data folder, or "
    f"./{_REMOTE_DEAD_LETTER} with --target]",
)
@json_option
@click.pass_context
def crawl(
    context: click.Context,
    *,
    file: Path,
    once: bool,
    check: bool,
    data_dir: Path,
    target: str | None,
    tenant: str | None,
    state_file: Path | None,
    dead_letter: Path | None,
    as_json: bool,
) -> None:
    """Follow RSS and Atom feeds, and index what is new, corrected or removed.

    It runs until SIGINT or SIGTERM, unless told otherwise, and goes on where it ended when it is started again.
    """
    from gistwire_indexer.crawler import CrawlState, load_configuration  # noqa: PLC0415
    from gistwire_indexer.dead_letter import DeadLetterFile  # noqa: PLC0415
    from gistwire_indexer.errors import CrawlConfigurationError, CrawlStateError  # noqa: PLC0415

    check_location(context)
    try:
        configuration = load_configuration(file)
    except CrawlConfigurationError as error:
        raise click.UsageError(folded(str(error)), context) from error
    if check:
        click.echo("\n".join(plan_lines(configuration)))
        return
    state_path = state_file or (_REMOTE_STATE if target else data_dir / _EMBEDDED_STATE)
    dead_letter_path = dead_letter or (_REMOTE_DEAD_LETTER if target else data_dir / _EMBEDDED_DEAD_LETTER)
    try:
        with CrawlState(state_path) as state, DeadLetterFile(dead_letter_path) as dead_letters:
            session = _Session(configuration, state, dead_letters, as_json=as_json)

            async def connect_and_crawl() -> None:
                async with connect(target, data_dir, tenant) as client:
                    # Who cannot be reached at all is told at once, not when the first feed was read.
                    await client.health()
                    await _until_terminated(session.run_once(client) if once else session.run(client))

            run_to_end(connect_and_crawl())
    except (CrawlStateError, OSError) as error:
        raise click.ClickException(folded(str(error))) from error


class _Session:
    """One run of the command: crawls, and prints what comes of it."""

    def __init__(
        self,
        configuration: "CrawlConfiguration",
        state: "CrawlState",
        dead_letters: "DeadLetterFile",
        *,
        as_json: bool,
    ) -> None:
        self._configuration = configuration
        self._state = state
        self._dead_letters = dead_letters
        self._as_json = as_json
        self._reports: list[FeedReport] = []
        self._failures = 0

    async def run_once(self, client: GistwireClient) -> None:
        """Asks the feeds that are due, and says what came of them all."""
        await self._crawl(client, lambda crawler: crawler.run_once(), self._keep)
        click.echo(totals_line(self._reports, str(self._dead_letters.path)), err=self._as_json)

    async def run(self, client: GistwireClient) -> None:
        """Follows the feeds until cancelled, also through times in which the server cannot be reached."""
        while True:
            try:
                await self._crawl(client, lambda crawler: crawler.run(), self._count_success)
            except (UnreachableError, CallFailedError, RequestRefusedError) as error:
                if isinstance(error, RequestRefusedError) and error.retry_after_s is None:
                    raise
                await self._pause_after(error)

    async def _crawl(
        self, client: GistwireClient, crawl: _Crawl, report: Callable[["FeedReport"], None]
    ) -> None:
        from gistwire_indexer.crawler import Crawler  # noqa: PLC0415

        async with (
            IngestSink(client) as sink,
            Crawler(self._configuration, self._state, sink, self._dead_letters, report=report) as crawler,
        ):
            await crawl(crawler)

    async def _pause_after(self, error: GistwireClientError) -> None:
        self._failures += 1
        pause_s = _RETRY.pause_s(min(self._failures, _MAX_DOUBLINGS))
        click.echo(folded(f"{error}; trying again in {pause_s:.0f} s"), err=True)
        await asyncio.sleep(pause_s)

    def _keep(self, report: "FeedReport") -> None:
        self._reports.append(report)
        self._print(report)

    def _count_success(self, report: "FeedReport") -> None:
        self._failures = 0
        self._print(report)

    def _print(self, report: "FeedReport") -> None:
        import msgspec  # noqa: PLC0415

        click.echo(escaped(msgspec.json.encode(report).decode()) if self._as_json else report_line(report))


async def _until_terminated(crawl: Coroutine[Any, Any, None]) -> None:
    """Runs a crawl to its end, or until SIGTERM."""
    task = asyncio.create_task(crawl)
    # Python lets no other thread handle signals.
    handles_signals = threading.current_thread() is threading.main_thread()
    loop = asyncio.get_running_loop()
    if handles_signals:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await asyncio.wait({task})
    finally:
        if handles_signals:
            loop.remove_signal_handler(signal.SIGTERM)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()
