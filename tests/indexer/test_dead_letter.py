"""Tests of gistwire_indexer.dead_letter."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from gistwire_indexer.dead_letter import DeadLetterFile
from gistwire_indexer.errors import ArticleError
from gistwire_indexer.sources import RawArticle, SourceRecord

UNREADABLE = SourceRecord("news.jsonl", 7, '{"head\ud800\u2028', None, ArticleError("", "cannot be read"))


def test_nothing_is_created_before_the_first_article(tmp_path: Path) -> None:
    path = tmp_path / "refused.jsonl"
    with DeadLetterFile(path) as dead_letters:
        assert dead_letters.count == 0
    assert not path.exists()


def test_an_article_is_one_line_and_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "refused.jsonl"
    with DeadLetterFile(path) as dead_letters:
        dead_letters.write(UNREADABLE, ArticleError("headline", "must not be blank"))
        (line,) = path.read_bytes().splitlines()
        assert dead_letters.count == 1
    entry = json.loads(line)
    assert datetime.fromisoformat(entry.pop("time")).utcoffset() == timedelta(0)
    assert entry == {
        "origin": "news.jsonl",
        "line": 7,
        "id": "",
        "field": "headline",
        "reason": "must not be blank",
        "raw": '{"head\ud800\u2028',
    }


def test_appends_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "refused.jsonl"
    record = SourceRecord("-", None, "raw", RawArticle(id="a-1"), None)
    for _ in range(2):
        with DeadLetterFile(path) as dead_letters:
            dead_letters.write(record, ArticleError("url", "must be an http or https address"))
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["a-1", "a-1"]


def test_what_an_earlier_process_wrote_of_a_source_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "refused.jsonl"
    error = ArticleError("headline", "must not be blank")
    other = SourceRecord("other.jsonl", 7, UNREADABLE.raw, None, None)
    later = SourceRecord("news.jsonl", 8, UNREADABLE.raw, None, None)
    with DeadLetterFile(path) as dead_letters:
        dead_letters.write(UNREADABLE, error)
        dead_letters.write(other, error)
    with path.open("a") as file:
        file.write('no json\n{"origin": "news.jsonl"}\n[]\n')
    with DeadLetterFile(path) as dead_letters:
        dead_letters.leave_out_known("news.jsonl")
        for record in (UNREADABLE, later, other):
            dead_letters.write(record, error)
        assert dead_letters.count == 2
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert [(line["origin"], line.get("line")) for line in lines] == [
        ("news.jsonl", 7),
        ("other.jsonl", 7),
        ("news.jsonl", None),
        ("news.jsonl", 8),
        ("other.jsonl", 7),
    ]


def test_nothing_is_known_where_there_is_no_file(tmp_path: Path) -> None:
    dead_letters = DeadLetterFile(tmp_path / "refused.jsonl")
    dead_letters.leave_out_known("news.jsonl")
    assert not dead_letters.path.exists()


def test_a_line_that_a_killed_process_left_unfinished_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "refused.jsonl"
    path.write_text('{"origin": "news')
    with DeadLetterFile(path) as dead_letters:
        dead_letters.write(UNREADABLE, ArticleError("", "cannot be read"))
    unfinished, line = path.read_text().splitlines()
    assert unfinished == '{"origin": "news'
    assert json.loads(line)["line"] == 7
