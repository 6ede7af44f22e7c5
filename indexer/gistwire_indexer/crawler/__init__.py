"""Follows feeds: asks them on a schedule, politely, and hands new, corrected and removed articles to a sink.

with CrawlState(path) as state:
    async with Crawler(load_configuration(file), state, sink, dead_letters, report=print) as crawler:
        await crawler.run()
"""

from gistwire_indexer.crawler.clock import Clock
from gistwire_indexer.crawler.configuration import (
    CrawlConfiguration,
    CrawlSettings,
    FeedConfiguration,
    load_configuration,
)
from gistwire_indexer.crawler.crawler import Crawler
from gistwire_indexer.crawler.duration import Duration
from gistwire_indexer.crawler.report import FeedOutcome, FeedReport
from gistwire_indexer.crawler.sink import ArticleSink
from gistwire_indexer.crawler.state import CrawlState

__all__ = [
    "ArticleSink",
    "Clock",
    "CrawlConfiguration",
    "CrawlSettings",
    "CrawlState",
    "Crawler",
    "Duration",
    "FeedConfiguration",
    "FeedOutcome",
    "FeedReport",
    "load_configuration",
]
