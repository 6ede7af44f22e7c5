"""Tests of `gistwire digest`, on the embedded server."""

from pathlib import Path

import pytest
from gistwire.v1 import summary_pb2
from gistwire_client.exit_status import ExitStatus
from google.protobuf.json_format import Parse

from tests.client.commands.conftest import Gistwire


def test_plain_lines_are_a_text_with_numbered_citations(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("digest", "harbour crane", "--data-dir", data_dir)
    assert outcome.status == ExitStatus.DONE
    first, *_ = outcome.output.splitlines()
    assert first == "A crane fell at the Ellery harbour on Monday. [1]"
    assert "[1] Harbour crane collapses in Ellery — Meridian Wire, 5 Oct 2026" in outcome.output.splitlines()
    assert "first sentence" in outcome.output.splitlines()[-1]
    assert outcome.errors == ""


def test_json_lines_are_the_events_in_their_order(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("digest", "--article", "a1", "--article", "a2", "--data-dir", data_dir, "--json")
    assert outcome.status == ExitStatus.DONE
    events = [Parse(line, summary_pb2.StreamDigestResponse()) for line in outcome.output.splitlines()]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[:3] == ["started", "hits", "sentence"]
    assert kinds[-2:] == ["digest", "completed"]
    assert {hit.article.id for hit in events[1].hits.hits} == {"a1", "a2"}
    assert all(sentence.citations for sentence in events[-2].digest.sentences)


def test_options_reach_the_server(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire(
        *("digest", "harbour", "--data-dir", data_dir, "--json", "--filter", 'source = "Harbour Dispatch"'),
        *("--max-articles", "7", "--max-sentences", "1", "--deadline", "5"),
    )
    plan = outcome.events[0]["started"]["plan"]
    assert plan["topK"] == 7
    assert plan["filter"] == 'source = "Harbour Dispatch"'
    assert float(plan["deadline"].rstrip("s")) == pytest.approx(5, abs=1)
    assert len(outcome.events[-2]["digest"]["sentences"]) == 1


def test_a_digest_of_a_topic(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("digest", "--topic", "a1", "--data-dir", data_dir)
    assert outcome.status == ExitStatus.DONE
    assert "crane" in outcome.output


def test_unknown_articles_are_refused(gistwire: Gistwire, data_dir: Path) -> None:
    outcome = gistwire("digest", "--article", "nope", "--data-dir", data_dir)
    assert outcome.status == ExitStatus.REFUSED
    assert "ARTICLE_NOT_FOUND" in outcome.errors


@pytest.mark.parametrize("arguments", [[], ["storm", "--article", "a1"], ["--topic", "t", "--article", "a1"]])
def test_exactly_one_subject_is_wanted(gistwire: Gistwire, data_dir: Path, arguments: list[str]) -> None:
    outcome = gistwire("digest", *arguments, "--data-dir", data_dir)
    assert outcome.status == ExitStatus.USAGE
    assert "QUERY, or --article, or --topic" in outcome.errors
