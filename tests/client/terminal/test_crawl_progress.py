"""Tests of gistwire_client.terminal.crawl_progress."""

from datetime import UTC, datetime
from typing import Any

import pytest
from gistwire_client.terminal.crawl_progress import plan_lines, report_line, totals_line
from gistwire_indexer.crawler import (
    CrawlConfiguration,
    CrawlSettings,
    Duration,
    FeedConfiguration,
    FeedOutcome,
    FeedReport,
)

DUE = datetime(2026, 10, 5, 8, 15, tzinfo=UTC)


def report(outcome: FeedOutcome, **fields: Any) -> FeedReport:
    return FeedReport(feed="https://wire.example/", **{"title": "Wire", "outcome": outcome, **fields})


@pytest.mark.parametrize(
    ("of", "line"),
    [
        (
            report(FeedOutcome.READ, new=1_200, updated=2, unchanged=9, next_due=DUE),
            "Wire: 1,200 new, 2 updated, 0 removed; next at 2026-10-05 08:15 UTC",
        ),
        (
            report(FeedOutcome.READ, rejected=1, duplicates=2, pages_unavailable=3, reason="moved to x"),
            "Wire: 0 new, 0 updated, 0 removed, 1 rejected, 2 of other feeds, 3 without their page (moved to x)",
        ),
        (
            report(FeedOutcome.NOT_MODIFIED, next_due=DUE),
            "Wire: not modified; next at 2026-10-05 08:15 UTC",
        ),
        (report(FeedOutcome.FAILED, reason="a\x1b[2J\nb"), "Wire: failed: a[2J b"),
        (report(FeedOutcome.STOPPED, reason="gone"), "Wire: stopped: gone"),
        (
            report(FeedOutcome.PAGES_CHECKED, removed=1),
            "Wire: pages looked at again: 0 new, 0 updated, 1 removed",
        ),
    ],
)
def test_a_report_is_a_line_that_is_safe_to_print(of: FeedReport, line: str) -> None:
    assert report_line(of) == line


def test_totals_are_over_all_reports_and_count_feeds_once() -> None:
    reports = [
        report(FeedOutcome.READ, new=2, rejected=1),
        report(FeedOutcome.FAILED, reason="x"),
        report(FeedOutcome.STOPPED, reason="x"),
        report(FeedOutcome.PAGES_CHECKED, updated=1, removed=1),
    ]
    assert (
        totals_line(reports, "letters.jsonl")
        == "3 feeds asked, 2 failed: 2 new, 1 updated, 1 removed, 1 rejected (see letters.jsonl)"
    )
    assert totals_line([], "x") == "0 feeds asked, 0 failed: 0 new, 0 updated, 0 removed"


def test_the_plan_names_every_feed() -> None:
    feeds = (
        FeedConfiguration(url="https://a.example/", name="A\x1b[2J", every=Duration(hours=1), full_text=True),
        FeedConfiguration(url="https://b.example/", language="en", category="business"),
    )
    settings = CrawlSettings(contact="crawler@news.example", concurrent_hosts=1)
    assert plan_lines(CrawlConfiguration(settings=settings, feeds=feeds)) == [
        "2 feeds, asked as Gistwire/0.1 (+crawler@news.example)",
        "at most 1 host at a time, 2s between two requests to a host",
        "  A[2J, https://a.example/: every 1h, full text",
        "  https://b.example/: every 30m, text of the feed, en, business",
    ]
