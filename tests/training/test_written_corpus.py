"""Tests of the articles and summaries that come with the recipe."""

import json
from pathlib import Path

import gistwire_training
import pytest
from gistwire_indexer.analysis import analyze

FOLDER = Path(gistwire_training.__file__).parent / "written_corpus"
FOR_SUMMARIZER = sorted(FOLDER.glob("*.jsonl"))
FOR_SCORER = sorted((FOLDER / "scorer").glob("*.jsonl"))


def read(paths: list[Path]) -> list[dict[str, str]]:
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("paths", [FOR_SUMMARIZER, FOR_SCORER])
def test_each_article_has_a_summary_of_its_own_words(paths: list[Path]) -> None:
    articles = read(paths)
    assert articles
    for article in articles:
        assert article.keys() == {"id", "headline", "body", "category", "summary"}
        assert 10 <= len(article["summary"].split()) <= 36, article["id"]
        own = set(analyze(f"{article['headline']} {article['body']}", "en"))
        foreign = set(analyze(article["summary"], "en")) - own
        assert len(foreign) <= 4, (article["id"], foreign)


def test_the_scorer_is_fitted_on_articles_that_the_summarizer_never_sees() -> None:
    summarizer, scorer = read(FOR_SUMMARIZER), read(FOR_SCORER)
    ids = [article["id"] for article in (*summarizer, *scorer)]
    assert len(set(ids)) == len(ids)
    assert {article["body"] for article in summarizer}.isdisjoint(article["body"] for article in scorer)
