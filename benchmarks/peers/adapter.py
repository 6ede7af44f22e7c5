"""What a system under measurement speaks with `peer_process.py`: JSON lines, over standard input and output.

It runs in the environment of the peer, which has nothing of ours: the standard library is all it may need. The first
line in is `Settings`; the first line out says that the articles are indexed. Then each line in is a search, and each
line out an event of one: its hits, summaries, the final order, and at last its end.
"""

import asyncio
import importlib.metadata
import json
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Emit = Callable[..., None]
"""Tells of a search: ``hits=[id, …]``, ``summaries={id: text, …}``, ``order=[id, …]``."""


@dataclass(frozen=True)
class Settings:
    """What all systems are given alike.

    Attributes:
        articles: file of the articles, JSON lines with ``id``, ``headline`` and ``body``.
        folder: where it keeps its index; what an earlier run has left there is of the same articles and weights.
        encoder: folder of the text encoder, for sentence-transformers.
        summarizer: folder of the summarizer, for transformers.
        converted_encoder: folder of the same encoder, for CTranslate2.
        converted_summarizer: folder of the same summarizer, for CTranslate2.
        threads: cores that may compute at once.
        concurrency: searches that are answered at once.
        top_k: hits of a search.
        depth: hits of each leg before they are fused.
        max_tokens: longest summary, in tokens.
        elasticsearch_url: the cluster; "" for none.
    """

    articles: str
    folder: str
    encoder: str
    summarizer: str
    converted_encoder: str
    converted_summarizer: str
    threads: int
    concurrency: int
    top_k: int
    depth: int
    max_tokens: int
    elasticsearch_url: str = ""


class BackgroundLoop:
    """One event loop for all searches, in a thread of its own, for peers whose clients are bound to theirs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs a coroutine in the loop, and waits for its end."""
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


class System(Protocol):
    """A system that searches and summarizes."""

    def search(self, query: str, emit: Emit) -> None:
        """Answers one search, telling of its parts as soon as they are there; called by several threads."""
        ...


def read_articles(settings: Settings) -> list[dict[str, str]]:
    """The articles that are to be indexed."""
    with Path(settings.articles).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def text_of(article: dict[str, str]) -> str:
    """What is searched in an article."""
    return f"{article['headline']}\n{article['body']}"


def source_of(article: dict[str, str]) -> str:
    """What a summary is written from: the two parts as the summarizer was trained to read them, after its task."""
    return f"{article['headline']} [SEP] {article['body']}"


def serve(start: Callable[[Settings], System], packages: Sequence[str]) -> None:
    """Starts a system, and then has it answer searches until standard input ends.

    Args:
        start: indexes the articles, if they are not, and returns what searches them.
        packages: those whose versions are told.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Libraries print to standard output as they like.
    os.dup2(2, 1)
    lock = threading.Lock()

    def write(event: dict[str, Any]) -> None:
        with lock:
            out.write(json.dumps(event) + "\n")
            out.flush()

    settings = Settings(**json.loads(sys.stdin.readline()))
    system = start(settings)
    versions = {name: importlib.metadata.version(name) for name in packages}
    write({"versions": versions})

    def answer(line: str) -> None:
        search = json.loads(line)
        try:
            system.search(search["query"], lambda **event: write({"id": search["id"], **event}))
            write({"id": search["id"], "ended": True})
        except Exception as error:  # noqa: BLE001 (any library's; the harness reports it and stops)
            write({"id": search["id"], "error": repr(error)})

    with ThreadPoolExecutor(settings.concurrency) as threads:
        for line in sys.stdin:
            threads.submit(answer, line)
