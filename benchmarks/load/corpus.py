"""Queries for each kind of load, and what is stored for each: `LoadCorpus`, which `preparation.py` makes."""

import shutil
from pathlib import Path

import msgspec

from benchmarks.load.figures import LoadKind
from benchmarks.load.setting import ServerSetting

STATES = ("cold", "half", "warm")
"""States of an index: nothing is stored; every second hit of the cold queries; all hits of the warm ones."""

_FILE = "load-corpus.json"


class CorpusOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What an index is made of.

    Attributes:
        sources: files of articles; none for the sample corpus.
        articles: how many; None for as many as there are.
        top_k: hits of each search.
        cold: how many queries are wanted no two of which find the same article.
        pool: how many queries of warm loads.
        setting: the server that makes it.
    """

    sources: tuple[str, ...]
    articles: int | None
    top_k: int
    cold: int
    pool: int
    setting: ServerSetting


class LoadCorpus(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for.

    Attributes:
        options: of what it was made.
        articles: how many there are.
        warm_up: queries outside the figures, which find none of the articles of `cold`.
        cold: queries no two of which find the same article.
        pool: queries of warm loads.
        single: queries that are neither of these, each for one search: neither they nor their embeddings are known.
        stored: for each state and query, the share of its hits that have a stored summary.
        lasting_share: share of the hits of all that were tried for the pool whose summary was worth storing.
        raw: headlines and bodies that cold queries find, of each query in a row.
    """

    options: CorpusOptions
    articles: int
    warm_up: list[str]
    cold: list[str]
    pool: list[str]
    single: list[str]
    stored: dict[str, dict[str, float]]
    lasting_share: float
    raw: list[list[tuple[str, str]]]

    def queries(self, kind: LoadKind) -> list[str]:
        """What is searched for in a load of this kind."""
        if kind == "hits":
            return self.single
        return self.cold if kind in ("cold", "half") else self.pool


def state_of(kind: LoadKind) -> str:
    """The state of the index that a load of this kind wants."""
    return {"hits": "cold", "again": "warm"}.get(kind, kind)


def copy_state(folder: Path, state: str, destination: Path) -> Path:
    """Copies the data folder in a state, as searches write to it."""
    shutil.copytree(folder / state, destination)
    return destination


def read_corpus(folder: Path, options: CorpusOptions) -> LoadCorpus | None:
    """Reads what an earlier run left in a folder; None if there is none of the same options."""
    path = folder / _FILE
    # Searches have changed what is in a cluster.
    if not path.exists() or options.setting.url is not None:
        return None
    corpus = msgspec.json.decode(
        path.read_bytes(), type=LoadCorpus, dec_hook=lambda kind, name: kind(name) if kind is Path else name
    )
    return corpus if corpus.options == options else None


def write_corpus(folder: Path, corpus: LoadCorpus) -> None:
    """Leaves a corpus in a folder, beside its indices."""
    # Paths as their names.
    (folder / _FILE).write_bytes(msgspec.json.encode(corpus, enc_hook=str))
