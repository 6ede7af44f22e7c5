"""A site, a clock, a sink and a crawler over them."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from gistwire_indexer.crawler import CrawlConfiguration, Crawler, CrawlState, FeedReport
from gistwire_indexer.crawler.configuration import CrawlSettings, FeedConfiguration
from gistwire_indexer.dead_letter import DeadLetterFile

from tests.indexer.crawler.manual_clock import ManualClock
from tests.indexer.crawler.scripted_sink import ScriptedSink
from tests.indexer.crawler.site import Site


@dataclass
class CrawlBench:
    """Crawls feeds of a site, each pass by a crawler and a state that are opened anew, as after a restart."""

    site: Site
    folder: Path
    time: ManualClock = field(default_factory=ManualClock)
    sink: ScriptedSink = field(default_factory=ScriptedSink)
    settings: dict[str, Any] = field(default_factory=dict)

    def feed(self, target: str, **options: Any) -> FeedConfiguration:
        return FeedConfiguration(url=self.site.url(target), **options)

    async def crawl(self, *feeds: FeedConfiguration) -> list[FeedReport]:
        """One pass over the feeds; returns the reports in the order of the feeds."""
        reports: list[FeedReport] = []
        settings = CrawlSettings(
            **{"contact": "https://crawler.example/", "allow_private_addresses": True, **self.settings}
        )
        configuration = CrawlConfiguration(settings=settings, feeds=feeds)
        with (
            CrawlState(self.folder / "crawl.sqlite3") as state,
            DeadLetterFile(self.folder / "refused" / "letters.jsonl") as dead_letters,
        ):
            async with Crawler(
                configuration,
                state,
                self.sink,
                dead_letters,
                report=reports.append,
                clock=self.time.clock,
                resolve=self.site.resolve,
            ) as crawler:
                await crawler.run_once()
        places = [feed.url for feed in feeds]
        return sorted(reports, key=lambda report: places.index(report.feed))

    def dead_letters(self) -> list[dict[str, Any]]:
        lines = (self.folder / "refused" / "letters.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().serving() as running:
        yield running


@pytest.fixture
def bench(site: Site, tmp_path: Path) -> CrawlBench:
    return CrawlBench(site, tmp_path)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[CrawlState]:
    with CrawlState(tmp_path / "crawl.sqlite3") as opened:
        yield opened
