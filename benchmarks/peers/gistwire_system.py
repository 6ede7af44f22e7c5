"""Gistwire as its users have it: `gistwire serve` as a process of its own, asked over gRPC.

Run by `peer_process.py`; its argument is the mode of summaries. What this client takes of the CPU is counted with the
server's.
"""

import sys
from contextlib import ExitStack
from pathlib import Path

import grpc
from gistwire.v1 import search_pb2, search_pb2_grpc, specs_pb2

from benchmarks.load.processes import free_address, running_server_process
from benchmarks.machine import GISTWIRE
from benchmarks.peers.adapter import Emit, Settings, serve

_PATIENCE_S = 60.0


class GistwireSystem:
    """Asks the server; the index in the settings' folder is there already."""

    def __init__(self, settings: Settings, mode: str, running: ExitStack) -> None:
        target = free_address()
        command = [GISTWIRE, "serve", "--data-dir", settings.folder]
        command += ["--port", target.rpartition(":")[2]]
        running.enter_context(
            running_server_process(command, target, log=Path(settings.folder).with_suffix(".log"))
        )
        channel = running.enter_context(grpc.insecure_channel(target))
        self._stub = search_pb2_grpc.SearchServiceStub(channel)
        self._summary = specs_pb2.SummarySpec(
            mode=specs_pb2.SummarySpec.Mode.Value(mode), max_tokens=settings.max_tokens
        )
        self._top_k = settings.top_k

    def search(self, query: str, emit: Emit) -> None:
        """Answers one search: hits, then the first text of a summary, then each summary, then the order."""
        request = search_pb2.StreamSearchRequest(query=query, top_k=self._top_k, summary=self._summary)
        articles: dict[str, str] = {}
        has_text = False
        order: list[str] = []
        for event in self._stub.StreamSearch(request, timeout=_PATIENCE_S):
            match event.WhichOneof("event"):
                case "hits":
                    articles = {hit.hit_id: hit.article.id for hit in event.hits.hits}
                    emit(hits=list(articles.values()))
                case "summary_delta" if not has_text:
                    has_text = True
                    emit(first_text=True)
                case "summary":
                    emit(summaries={articles[event.summary.hit_id]: event.summary.text})
                case "hit_failed" | "degraded":
                    raise RuntimeError(f"the search was not answered in full: {event}")
                case "ranking" if event.ranking.final:
                    order = [articles[ranked.hit_id] for ranked in event.ranking.order]
        emit(order=order)


if __name__ == "__main__":
    with ExitStack() as running_server:
        serve(
            lambda settings: GistwireSystem(settings, sys.argv[1], running_server),
            ["gistwire", "ctranslate2"],
        )
