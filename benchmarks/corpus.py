"""Articles and queries to measure with: read from files, and recombined where more are wanted than there are."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gistwire_indexer
from gistwire_indexer.sources import RawArticle, read_source

SAMPLE_CORPUS = Path(gistwire_indexer.__path__[0]) / "sample_corpus"


def read_articles(sources: Sequence[str]) -> list[RawArticle]:
    """All readable articles of these sources; of the sample corpus if there are none."""
    return [
        record.fields
        for location in sources or sample_files()
        for record in read_source(location)
        if record.fields
    ]


def sample_files() -> list[str]:
    """The files of the sample corpus that hold articles."""
    return [
        str(path) for path in sorted(SAMPLE_CORPUS.glob("*.jsonl")) if not path.name.startswith("judged-")
    ]


def recombined(articles: Sequence[RawArticle], count: int, seed: int = 7) -> Iterator[RawArticle]:
    """Yields so many articles: those given, then headlines and bodies of two of them halved and joined.

    The words and lengths stay those of real news; no two articles are near-duplicates.
    """
    for place, parents in enumerate(parents_of_recombined(len(articles), count, seed)):
        if len(parents) == 1:
            yield articles[parents[0]]
            continue
        first, second = (articles[parent] for parent in parents)
        yield RawArticle(
            id=f"recombined-{place}",
            headline=_halves(first.headline, second.headline),
            body=_halves(first.body, second.body),
            source=first.source,
            language=first.language,
            category=second.category,
            published=first.published,
        )


def parents_of_recombined(given: int, count: int, seed: int = 7) -> Iterator[tuple[int, ...]]:
    """Yields for each article of `recombined` the places of those that it is made of: one, or two."""
    chance = random.Random(seed)
    for place in range(count):
        yield (place,) if place < given else tuple(chance.sample(range(given), 2))


def judged_queries() -> list[dict[str, Any]]:
    """Queries with judged articles of the sample corpus: ``{"query", "relevant": {id: grade}, "set"}``."""
    queries = []
    for path in sorted(SAMPLE_CORPUS.glob("judged-*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        queries += [{**json.loads(line), "set": path.stem.removeprefix("judged-")} for line in lines]
    return queries


def _halves(first: str, second: str) -> str:
    left, right = first.split(), second.split()
    return " ".join(left[: len(left) // 2] + right[len(right) // 2 :]) or first or second
