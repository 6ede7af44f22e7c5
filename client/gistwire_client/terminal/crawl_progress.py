"""What a crawl comes to, in lines. `gistwire crawl` prints them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gistwire_client.terminal.safe_text import folded
from gistwire_client.terminal.wording import counted

if TYPE_CHECKING:
    from gistwire_indexer.crawler import CrawlConfiguration, FeedReport


def report_line(report: "FeedReport") -> str:
    """What came of one feed, in a line that is safe to print."""
    from gistwire_indexer.crawler import FeedOutcome  # noqa: PLC0415

    match report.outcome:
        case FeedOutcome.FAILED | FeedOutcome.STOPPED:
            what = f"{report.outcome.value}: {report.reason}"
        case FeedOutcome.NOT_MODIFIED:
            what = "not modified"
        case FeedOutcome.PAGES_CHECKED:
            what = "pages looked at again: " + _counts([report])
        case FeedOutcome.READ:
            what = _counts([report]) + (f" ({report.reason})" if report.reason else "")
    next_due = f"; next at {report.next_due:%Y-%m-%d %H:%M} UTC" if report.next_due else ""
    return folded(f"{report.title}: {what}{next_due}")


def totals_line(reports: Iterable["FeedReport"], dead_letters: str) -> str:
    """What came of all feeds, in a line.

    Args:
        reports: of one pass over the feeds.
        dead_letters: where rejected articles are.
    """
    from gistwire_indexer.crawler import FeedOutcome  # noqa: PLC0415

    reports = list(reports)
    feeds = [report for report in reports if report.outcome is not FeedOutcome.PAGES_CHECKED]
    failed = sum(report.outcome in (FeedOutcome.FAILED, FeedOutcome.STOPPED) for report in feeds)
    rejected = any(report.rejected for report in reports)
    parts = [
        f"{counted(len(feeds), 'feed')} asked, {failed:,} failed",
        _counts(reports) + (f" (see {dead_letters})" if rejected else ""),
    ]
    return folded(": ".join(parts))


def plan_lines(configuration: "CrawlConfiguration") -> list[str]:
    """What a configuration tells the crawler to do, in lines that are safe to print."""
    settings = configuration.settings
    lines = [
        f"{counted(len(configuration.feeds), 'feed')}, asked as {settings.user_agent}",
        f"at most {counted(settings.concurrent_hosts, 'host')} at a time, {settings.delay} between two requests"
        " to a host",
    ]
    for feed in configuration.feeds:
        details = [f"every {feed.every}", "full text" if feed.full_text else "text of the feed"]
        details += [value for value in (feed.language, feed.category) if value]
        name = f"{feed.name}, " if feed.name else ""
        lines.append(f"  {name}{feed.url}: {', '.join(details)}")
    # Folding would take the indentation.
    return [line[: len(line) - len(line.lstrip())] + folded(line) for line in lines]


def _counts(reports: Iterable["FeedReport"]) -> str:
    """Counts of several reports together; those that are mostly zero only where they are not."""
    reports = list(reports)
    parts = [
        f"{sum(report.new for report in reports):,} new",
        f"{sum(report.updated for report in reports):,} updated",
        f"{sum(report.removed for report in reports):,} removed",
    ]
    rare = {
        "rejected": sum(report.rejected for report in reports),
        "of other feeds": sum(report.duplicates for report in reports),
        "without their page": sum(report.pages_unavailable for report in reports),
    }
    return ", ".join(parts + [f"{count:,} {what}" for what, count in rare.items() if count])
