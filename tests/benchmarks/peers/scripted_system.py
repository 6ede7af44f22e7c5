"""A system whose answers are written down: `python -m tests.benchmarks.peers.scripted_system`.

A query of "fail" fails; "end" ends the process; "stop" stops before the final order; any other finds the first two
articles, with ``--reversed`` the last.
"""

import os
import sys

from benchmarks.peers.adapter import Emit, Settings, read_articles, serve


class ScriptedSystem:
    def __init__(self, settings: Settings) -> None:
        self._articles = read_articles(settings)

    def search(self, query: str, emit: Emit) -> None:
        if query == "fail":
            raise ValueError("it was to fail")
        if query == "end":
            os._exit(3)
        ids = [article["id"] for article in self._articles]
        ids = ids[:-3:-1] if "--reversed" in sys.argv else ids[:2]
        print("what a library prints")  # noqa: T201
        emit(hits=ids)
        emit(first_text=True)
        emit(summaries=dict.fromkeys(ids, f"about {query}"))
        if query != "stop":
            emit(order=ids[::-1])


if __name__ == "__main__":
    serve(ScriptedSystem, ["psutil"])
