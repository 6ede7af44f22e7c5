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
