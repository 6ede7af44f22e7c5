"""What the guard searches for and ingests: English articles of the sample corpus, recombined.

Cold searches find ten articles each, which have a source of their own; warm ones find articles of another source.
"""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

from gistwire_indexer.ingestion import Ingestor
from gistwire_indexer.sources import RawArticle
from gistwire_server.app import open_engines
from gistwire_server.config import load_config

from benchmarks.corpus import read_articles, recombined
from benchmarks.machine import quiet_log

WARM_SOURCE = "warm"
"""Source of the articles that warm searches find."""

_INDEXED = 500
_WARM = 60
_COLD_SOURCES = 24
_HITS = 10
_INGEST_BATCH = 64


def cold_source(number: int) -> str:
    """Source of the articles that the cold search of a round finds."""
    return f"cold-{number}"


def indexed_articles() -> list[RawArticle]:
    """All that is in the index when the rounds begin."""
    given = _english_articles()
    articles = list(recombined(given, _INDEXED))
    for place in range(_WARM):
        articles[place] = replace(articles[place], source=WARM_SOURCE)
    for number in range(_COLD_SOURCES):
        first = len(given) + number * _HITS
        for place in range(first, first + _HITS):
            articles[place] = replace(articles[place], source=cold_source(number))
    return articles


def new_articles(number: int, count: int) -> list[RawArticle]:
    """Articles that no round of another number has, and whose headlines are queries that none has."""
    given = _english_articles()
    made = itertools.islice(recombined(given, len(given) + count, seed=1_000 + number), len(given), None)
    return [replace(each, id=f"new-{number}-{place}") for place, each in enumerate(made)]


def make_index(folder: Path) -> None:
    """Makes an index in a folder. Blocks; the process remains with the models in it."""
    quiet_log()
    asyncio.run(_ingest(folder))


async def _ingest(folder: Path) -> None:
    articles = indexed_articles()
    async with open_engines(load_config(data_dir=folder, listen="unix")) as opened:
        ingestor = Ingestor(opened.engines.index, opened.engines.encoder)
        for start in range(0, len(articles), _INGEST_BATCH):
            await ingestor.ingest(articles[start : start + _INGEST_BATCH])


def _english_articles() -> list[RawArticle]:
    return [each for each in read_articles(()) if each.language == "en"]
