"""Tests of `gistwire topics` on the embedded server."""

from collections.abc import Callable
from pathlib import Path

import pytest
from gistwire_client.exit_status import ExitStatus

from tests.client.commands.conftest import ARTICLES, Gistwire

SEQUEL = {
    "id": "a4",
    "headline": "Ellery harbour works again after crane collapse",
    "body": "Work at the Ellery harbour went on two days after a crane fell. Nobody was hurt in the collapse.",
    "source": "Harbour Dispatch",
    "published": "2026-10-05T20:00:00Z",
    "language": "en",
}


@pytest.fixture
def news_dir(gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    assert gistwire("ingest", write_articles(*ARTICLES, SEQUEL), "--data-dir", folder).status == 0
    return folder


def test_stories_of_a_window_are_shown_with_their_digest(gistwire: Gistwire, news_dir: Path) -> None:
    outcome = gistwire("topics", "--data-dir", news_dir, "--until", "2026-10-07T12:00", "--window", "3d")
    assert outcome.status == ExitStatus.DONE
    assert outcome.output.startswith("1. ")
    assert "2 articles" in outcome.output
    assert "harbour" in outcome.output.casefold()
    assert "1 topic" in outcome.output.splitlines()[-1]


def test_json_lines_name_the_topic_that_a_digest_can_be_asked_of(gistwire: Gistwire, news_dir: Path) -> None:
    arguments = ("--data-dir", news_dir, "--until", "2026-10-07T12:00Z", "--window", "3d", "--no-digests")
    outcome = gistwire("topics", *arguments, "--json")
    kinds = [next(key for key in event if key != "sequence") for event in outcome.events]
    assert kinds == ["started", "topic", "completed"]
    topic = outcome.events[1]["topic"]
    assert topic["topicId"] == "a1"
    assert {article["id"] for article in topic["articles"]} == {"a1", "a4"}


def test_the_filter_applies(gistwire: Gistwire, news_dir: Path) -> None:
    arguments = ("--data-dir", news_dir, "--until", "2026-10-07", "--window", "1w")
    outcome = gistwire("topics", *arguments, "--filter", 'source = "Meridian Wire"')
    assert outcome.status == ExitStatus.DONE
    assert outcome.output.startswith("no story of more than one article")


@pytest.mark.parametrize(
    "arguments",
    [("--window", "30m"), ("--window", "91d"), ("--window", "long"), ("--until", "soon"), ("--limit", "101")],
)
def test_wrong_options_are_a_usage_error(
    gistwire: Gistwire, tmp_path: Path, arguments: tuple[str, str]
) -> None:
    assert gistwire("topics", "--data-dir", tmp_path, *arguments).status == ExitStatus.USAGE


def test_a_filter_that_cannot_be_read_is_refused(gistwire: Gistwire, news_dir: Path) -> None:
    outcome = gistwire("topics", "--data-dir", news_dir, "--filter", "source =")
    assert outcome.status == ExitStatus.REFUSED
    assert "filter" in outcome.errors
